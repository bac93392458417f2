import { LinkError } from '../../errors.ts'
import type { Enter, Errand } from './connect.ts'
import { createForeignKeys, isKeyDead, type KeyStore } from './dc-auth-keys.ts'
import { createGovernor, type Governor, type GovernorLimits } from './congestion-window.ts'
import type { Gramjs, TlRequest } from './gramjs.ts'
import { createLane, type Lane, type LaneOptions, type Patience } from './request-channel.ts'
import type { Link } from './connection.ts'
import type { MainLink } from './main-connection.ts'
import { withoutUpdates } from './init-connection.ts'
import { createSenderPool, type SenderPool } from './connection-pool.ts'
import type { Address, Session } from './session.ts'

export interface LanesOptions {
  gramjs: Gramjs
  session: Session
  apiId: number
  /** Keys for other data centres. */
  keys: KeyStore
  main: MainLink
  enter: Enter
  limits: GovernorLimits
  patience: Patience
  /** Ends what is shared by several callers. */
  closing: AbortSignal
  /** An ordinary call at home. */
  callHome: <Answer>(request: TlRequest<Answer>, signal: AbortSignal) => Promise<Answer>
  /** Hears of waits on the lane at home, as a lane tells them. */
  onFlood: LaneOptions['onFlood']
}

/** The lanes of one account, one per data centre. */
export interface Lanes {
  /** For parts of files; authorizes in that data centre at need. */
  at: (dcId: number) => Lane
  /** The same for a CDN, which knows no accounts. */
  atCdn: (dcId: number) => Lane
  governor: (dcId: number) => Governor
  windows: () => { dcId: number; window: number }[]
  /** Closes all connections; the next call opens new ones. Windows and waits are kept. */
  rest: () => void
}

/** Where a lane's connections go, and under which key. */
interface Place {
  name: string
  dcId: number
  authKey: () => Buffer | null
  /** Addresses on which connections may share the key. */
  shared: () => Address[]
  /** The address for a single connection; null: the account's main connection is to be used. */
  single: (() => Address | null | undefined) | null
  onLink?: (link: Link) => void
}

export function createLanes(options: LanesOptions): Lanes {
  const { gramjs, session, apiId, keys, main, enter, limits, patience, closing } = options
  const governors = new Map<number, Governor>()
  const pools = new Map<string, SenderPool>()
  const lanes = new Map<string, Lane>()
  const cdnKeys = new Map<number, Buffer>()
  const foreign = createForeignKeys({
    gramjs,
    apiId,
    enter,
    store: keys,
    centres: () => main.centres(closing),
    callHome: (request) => options.callHome(request, closing),
    closing,
  })

  function governor(dcId: number): Governor {
    const known = governors.get(dcId) ?? createGovernor(limits)
    governors.set(dcId, known)
    return known
  }

  async function connect(
    place: Place,
    address: Address | null | undefined,
    errand: Errand,
    signal: AbortSignal,
  ): Promise<Link> {
    if (!address) throw new LinkError('unreachable')
    const { dcId } = place
    const target = { gramjs, apiId, address, dcId, authKey: place.authKey(), errand }
    const query = withoutUpdates(gramjs, new gramjs.Api.help.GetConfig())
    const { link } = await enter(target, query, signal)
    place.onLink?.(link)
    return link
  }

  function poolAt(place: Place): SenderPool {
    const known = pools.get(place.name)
    if (known) return known
    const { single, dcId } = place
    const governed = governor(dcId)
    const pool = createSenderPool({
      addresses: place.shared,
      open: (address, signal) => connect(place, address, 'bulk', signal),
      fallback: async (signal) =>
        single
          ? { link: await connect(place, single(), 'abroad', signal), own: true }
          : { link: await main.open(signal), own: false },
      connections: () => governed.connections,
      onAddresses: governed.setAddresses,
      perConnection: limits.perConnection,
    })
    pools.set(place.name, pool)
    return pool
  }

  function laneTo(
    place: Place,
    ready: (signal: AbortSignal) => Promise<unknown>,
    onFlood?: LaneOptions['onFlood'],
  ): Lane {
    // The pool is looked up for each try: it may have been closed, or have got another key.
    const pick = async (signal: AbortSignal): Promise<Link> => {
      await ready(signal)
      return poolAt(place).pick(signal)
    }
    return createLane({ governor: governor(place.dcId), pick, patience, onFlood })
  }

  function drop(name: string): void {
    pools.get(name)?.close()
    pools.delete(name)
  }

  function home(): Lane {
    const place: Place = {
      name: 'home',
      dcId: session.dcId,
      authKey: () => session.authKey,
      shared: () => main.known?.media(session.dcId) ?? [],
      single: null,
    }
    return laneTo(place, main.centres, options.onFlood)
  }

  function abroad(dcId: number): Lane {
    const place: Place = {
      name: `dc${dcId}`,
      dcId,
      authKey: () => keys.get(dcId),
      shared: () => main.known?.media(dcId) ?? [],
      single: () => main.known?.main(dcId),
    }
    const ready = async (signal: AbortSignal): Promise<unknown> => {
      await main.centres(signal)
      return foreign.get(dcId, signal)
    }
    return renewing(place, laneTo(place, ready), () => foreign.forget(dcId))
  }

  /** A lane that gets a new key, once per call, when Telegram has lost the present one. */
  function renewing(place: Place, lane: Lane, forget: () => void): Lane {
    return {
      enter: lane.enter,
      call: async (method, build, { admission, ...rest }) => {
        const used = place.authKey()
        try {
          return await lane.call(method, build, admission ? { ...rest, admission } : rest)
        } catch (error) {
          if (!isKeyDead(error)) throw error
          const present = place.authKey()
          // Others that failed with it may have replaced it already.
          if (present && (!used || present.equals(used))) {
            forget()
            drop(place.name)
          }
          return lane.call(method, build, rest)
        }
      },
    }
  }

  function cdn(dcId: number): Lane {
    const place: Place = {
      name: `cdn${dcId}`,
      dcId,
      authKey: () => cdnKeys.get(dcId) ?? null,
      shared: () => [],
      single: () => main.known?.cdn(dcId)[0],
      onLink: (link) => void cdnKeys.set(dcId, link.authKey),
    }
    return renewing(place, laneTo(place, main.centres), () => cdnKeys.delete(dcId))
  }

  function once(name: string, make: () => Lane): Lane {
    const lane = lanes.get(name) ?? make()
    lanes.set(name, lane)
    return lane
  }

  return {
    at: (dcId) => once(`dc${dcId}`, () => (dcId === session.dcId ? home() : abroad(dcId))),
    atCdn: (dcId) => once(`cdn${dcId}`, () => cdn(dcId)),
    governor,
    windows: () => [...governors].map(([dcId, { window }]) => ({ dcId, window })),
    rest: () => {
      for (const name of [...pools.keys()]) drop(name)
    },
  }
}
