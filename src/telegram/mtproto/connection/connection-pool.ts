import { untilAborted } from '../../../lib/waiting/until-aborted.ts'
import { LinkError } from '../../errors.ts'
import type { Link } from './connection.ts'
import type { Address } from './session.ts'

export interface SenderPoolOptions {
  /** Addresses on which connections may share the key; best first. May be empty. */
  addresses: () => Address[]
  /** Opens one connection and warms it up. */
  open: (address: Address, signal: AbortSignal) => Promise<Link>
  /**
   * The one connection that carries bulk where there is no such address, or none that answers.
   * When it is the pool's own, the pool keeps and closes it.
   */
  fallback: (signal: AbortSignal) => Promise<{ link: Link; own: boolean }>
  /** How many connections may be open now. */
  connections: () => number
  /** Told whether several connections may be had, or only the one of the fallback. */
  onAddresses: (found: 'several' | 'one') => void
  /** Requests in flight for which one connection is enough. */
  perConnection: number
  now?: () => number
}

/** Connections that carry parts of files to or from one data centre, all with one key. */
export interface SenderPool {
  /** The connection with the least to do. Rejects with LinkError or the signal's reason. */
  pick: (signal: AbortSignal) => Promise<Link>
  close: () => void
}

/** How long an address that did not answer is left alone. */
const BAD_ADDRESS_MS = 300_000

export function createSenderPool(options: SenderPoolOptions): SenderPool {
  const { now = () => performance.now() } = options
  const badUntil = new Map<string, number>()
  const closing = new AbortController()
  let pool: Link[] = []
  let opening: Promise<Link> | null = null

  const addresses = (): Address[] =>
    options.addresses().filter((address) => (badUntil.get(nameOf(address)) ?? 0) <= now())

  /** Opens one more; only one at a time, so that a flood stops the growth early. */
  function grow(): Promise<Link> {
    opening ??= openOne().finally(() => {
      opening = null
    })
    return opening
  }

  async function openOne(): Promise<Link> {
    for (const address of addresses()) {
      try {
        const link = keep(await options.open(address, closing.signal))
        options.onAddresses('several')
        return link
      } catch (error) {
        if (!(error instanceof LinkError) || error.trouble === 'key-unknown') throw error
        badUntil.set(nameOf(address), now() + BAD_ADDRESS_MS)
      }
    }
    options.onAddresses('one')
    const { link, own } = await options.fallback(closing.signal)
    return own ? keep(link) : link
  }

  function keep(link: Link): Link {
    if (closing.signal.aborted) {
      link.close()
      throw closing.signal.reason
    }
    pool.push(link)
    return link
  }

  return {
    pick: async (signal) => {
      pool = pool.filter((link) => !link.closed)
      const idlest = pool.reduce<Link | null>(
        (best, link) => (best && best.pending <= link.pending ? best : link),
        null,
      )
      if (!idlest) return untilAborted(grow(), signal)
      const busy = idlest.pending >= options.perConnection
      if (busy && pool.length < options.connections() && addresses().length > 0) {
        // The request at hand does not wait for it.
        grow().catch(() => {})
      }
      return idlest
    },
    close: () => {
      closing.abort(new LinkError('closed'))
      for (const link of pool) link.close()
      pool = []
    },
  }
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}
