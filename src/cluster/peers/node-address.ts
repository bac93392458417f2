import { connect, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { NodeAddress } from '../../core/ports/cluster/leases.ts'

export interface NodeAddressOptions {
  /** What the operator says; null: to be found out. */
  nodeUrl: string | null
  /** Where the worker listens. */
  host: string
  port: number
  databaseUrl: string
}

const CONNECT_MS = 3_000
const POSTGRES_PORT = 5432
const ANY_ADDRESS = new Set(['0.0.0.0', '::', ''])

/**
 * The address by which other nodes ask this one. By default the one from which this machine reaches the
 * database: there the other nodes are as well.
 */
export async function findNodeAddress(options: NodeAddressOptions): Promise<NodeAddress> {
  const { nodeUrl, host, port, databaseUrl } = options
  if (nodeUrl !== null) return nodeUrl.replace(/\/+$/, '')
  const address = ANY_ADDRESS.has(host) ? await addressTowards(new URL(databaseUrl)) : host
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`
}

/** The local address of a connection there; of any other network where there is none. */
function addressTowards({ hostname, port }: URL): Promise<string> {
  const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || POSTGRES_PORT }
  // Without a host the database is behind a socket of this machine.
  if (target.host === '') return Promise.resolve(anyAddress())
  return new Promise((resolve) => {
    const socket = connect(target)
    const end = (address: string | undefined): void => {
      socket.destroy()
      resolve(address ?? anyAddress())
    }
    socket.setTimeout(CONNECT_MS, () => end(undefined))
    socket.once('error', () => end(undefined))
    socket.once('connect', () => end(socket.localAddress?.replace(/^::ffff:/, '')))
  })
}

function anyAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}
