import { untilAborted } from '../../../lib/waiting/until-aborted.ts'
import { isPeerDown } from '../../circuits.ts'
import { LinkError } from '../../errors.ts'
import { type DataCentres, reachableInstead, readDataCentres } from './data-centres.ts'
import type { Enter } from './connect.ts'
import type { Gramjs } from './gramjs.ts'
import type { Link } from './connection.ts'
import { withoutUpdates } from './init-connection.ts'
import type { Address, Session } from './session.ts'

export interface MainLinkOptions {
  gramjs: Gramjs
  session: Session
  apiId: number
  enter: Enter
  /** Ends every attempt to connect. */
  closing: AbortSignal
  /** An open connection to begin with. */
  link?: Link | undefined
}

/** The one connection for ordinary calls; opened at need, once for all who wait. */
export interface MainLink {
  open: (signal: AbortSignal) => Promise<Link>
  /** The addresses Telegram names; asks for them if it has not been asked. */
  centres: (signal: AbortSignal) => Promise<DataCentres>
  /** The addresses it named last. */
  readonly known: DataCentres | null
  close: (error?: Error) => void
}

export function createMainLink(options: MainLinkOptions): MainLink {
  const { gramjs, session, apiId, enter, closing } = options
  const { authKey, dcId } = session
  let current = options.link ?? null
  let opening: Promise<Link> | null = null
  let known: DataCentres | null = null

  async function connect(): Promise<Link> {
    // The session's own address may have gone stale; Telegram's newer word is tried after it.
    const others = [known?.main(dcId), reachableInstead(dcId, session.address)]
    const addresses = [session.address, ...others].filter((address) => address != null)
    let failure: unknown = new LinkError('unreachable')
    for (const address of addresses) {
      try {
        return await connectTo(address)
      } catch (error) {
        const elsewhere = error instanceof LinkError && error.trouble !== 'key-unknown'
        if (!elsewhere && !isPeerDown(error)) throw error
        failure = error
      }
    }
    throw failure
  }

  async function connectTo(address: Address): Promise<Link> {
    const query = withoutUpdates(gramjs, new gramjs.Api.help.GetConfig())
    const target = { gramjs, apiId, address, dcId, authKey, errand: 'home' } as const
    const { link, answer } = await enter(target, query, closing)
    known = readDataCentres(answer.dcOptions)
    current = link
    return link
  }

  function open(signal: AbortSignal): Promise<Link> {
    if (closing.aborted) return Promise.reject(closing.reason)
    if (current && !current.closed) return Promise.resolve(current)
    opening ??= connect().finally(() => {
      opening = null
    })
    return untilAborted(opening, signal)
  }

  return {
    open,
    centres: async (signal) => {
      const link = await open(signal)
      if (!known) {
        const request = withoutUpdates(gramjs, new gramjs.Api.help.GetConfig())
        const config = await link.request(request, { signal, timeoutMs: 20_000 })
        known = readDataCentres(config.dcOptions)
      }
      return known
    },
    get known() {
      return known
    },
    close: (error) => {
      current?.close(error)
      current = null
    },
  }
}
