import { untilAborted } from '../../../lib/waiting/abortable.ts'
import { ConnectionError } from '../../errors.ts'
import type { Connection } from './connection.ts'
import type { Address } from './session.ts'

export interface ConnectionPoolOptions {
  /** Addresses on which connections may share the key; best first. May be empty. */
  addresses: () => Address[]
  /** Opens one connection and warms it up. */
  open: (address: Address, signal: AbortSignal) => Promise<Connection>
  /**
   * The one connection for parts of files where there is no such address, or none that answers.
   * When it is the pool's own, the pool keeps and closes it.
   */
  fallback: (signal: AbortSignal) => Promise<{ connection: Connection; own: boolean }>
  /** How many connections may be open now. */
  connections: () => number
  /** Called with whether several connections can be opened, or only the fallback's one. */
  onAddresses: (found: 'several' | 'one') => void
  /** Parts in flight for which one connection is enough. */
  perConnection: number
  now?: () => number
}

/** Connections that carry parts of files to or from one data centre, all with one key. */
export interface ConnectionPool {
  /**
   * The connection with the least to do, for a request of so many parts.
   * Rejects with ConnectionError or the signal's reason.
   */
  pick: (signal: AbortSignal, parts?: number) => Promise<Connection>
  close: () => void
}

/** How long an address that did not answer is left alone. */
const BAD_ADDRESS_MS = 300_000

export function createConnectionPool(options: ConnectionPoolOptions): ConnectionPool {
  const { now = () => performance.now() } = options
  const badUntil = new Map<string, number>()
  const closing = new AbortController()
  let pool: Connection[] = []
  let opening: Promise<Connection> | null = null

  const addresses = (): Address[] =>
    options.addresses().filter((address) => (badUntil.get(nameOf(address)) ?? 0) <= now())

  /** Opens one more; only one at a time, so that a flood stops the growth early. */
  function grow(): Promise<Connection> {
    opening ??= openOne().finally(() => {
      opening = null
    })
    return opening
  }

  async function openOne(): Promise<Connection> {
    for (const address of addresses()) {
      try {
        const connection = keep(await options.open(address, closing.signal))
        options.onAddresses('several')
        return connection
      } catch (error) {
        if (!(error instanceof ConnectionError) || error.reason === 'key-unknown') throw error
        badUntil.set(nameOf(address), now() + BAD_ADDRESS_MS)
      }
    }
    options.onAddresses('one')
    const { connection, own } = await options.fallback(closing.signal)
    return own ? keep(connection) : connection
  }

  function keep(connection: Connection): Connection {
    if (closing.signal.aborted) {
      connection.close()
      throw closing.signal.reason
    }
    pool.push(connection)
    return connection
  }

  return {
    pick: async (signal, parts = 1) => {
      pool = pool.filter((connection) => !connection.closed)
      const idlest = pool.reduce<Connection | null>(
        (best, connection) =>
          best && best.pendingParts <= connection.pendingParts ? best : connection,
        null,
      )
      if (!idlest) return untilAborted(grow(), signal)
      const busy = idlest.pendingParts + parts > options.perConnection
      if (busy && pool.length < options.connections() && addresses().length > 0) {
        // The request at hand does not wait for it.
        grow().catch(() => {})
      }
      return idlest
    },
    close: () => {
      closing.abort(new ConnectionError('closed'))
      for (const connection of pool) connection.close()
      pool = []
    },
  }
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}
