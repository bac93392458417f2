import { randomInt } from 'node:crypto'
import type { Address } from './contract.ts'
import type { MetaStore } from './store/meta.ts'
import type { ListenerRole, ProtocolServer } from './types.ts'

export interface OpenAddressOptions {
  server: ProtocolServer
  role: ListenerRole
  host: string
  cdn: boolean
  meta: MetaStore
  /** A port to try before any other. */
  wanted: number | null
}

// A string session keeps the port as a signed 16-bit number, and Linux hands out ports from 32768 on.
const FIRST_PORT = 20_000
const LAST_PORT = 32_000
const TRIES = 200

/** Listens on the wanted port, else on that of last time, else on any free one of the low range. */
export async function openAddress(options: OpenAddressOptions): Promise<Address> {
  const { server, role, host, cdn, meta, wanted } = options
  const name = `port_${role.dcId}${role.mediaOnly ? '_media' : ''}`
  const kept = Number(meta.get(name) ?? 0)
  const start = randomInt(FIRST_PORT, LAST_PORT - TRIES)
  const candidates = [wanted ?? 0, kept, ...Array.from({ length: TRIES }, (_, n) => start + n)]
  for (const candidate of candidates.filter((port) => port > 0)) {
    const port = await tryPort(server, role, candidate)
    if (port === null) continue
    meta.set(name, String(port))
    return { ...role, host, port, cdn }
  }
  throw new Error(`no free port between ${start} and ${start + TRIES}`)
}

async function tryPort(
  server: ProtocolServer,
  role: ListenerRole,
  candidate: number,
): Promise<number | null> {
  try {
    return (await server.listen(role, candidate)).port
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EADDRINUSE' || code === 'EACCES') return null
    throw error
  }
}
