import { ConnectionError } from '../../errors.ts'
import {
  type CongestionLimits,
  type CongestionWindow,
  createCongestionWindow,
} from './congestion-window.ts'
import type { Connect, Purpose } from './connect.ts'
import type { Connection } from './connection.ts'
import { type ConnectionPool, createConnectionPool } from './connection-pool.ts'
import { createDcAuthKeys, isKeyDead, type KeyStore } from './dc-auth-keys.ts'
import type { Gramjs, TlRequest } from './gramjs.ts'
import { withoutUpdates } from './init-connection.ts'
import type { MainConnection } from './main-connection.ts'
import {
  createRequestChannel,
  type RequestChannel,
  type RequestChannelOptions,
  type RetryPolicy,
} from './request-channel.ts'
import type { Address, Session } from './session.ts'

export interface RequestChannelsOptions {
  gramjs: Gramjs
  session: Session
  apiId: number
  /** Keys for other data centres. */
  keys: KeyStore
  main: MainConnection
  connect: Connect
  limits: CongestionLimits
  retryPolicy: RetryPolicy
  /** Ends what is shared by several callers. */
  closing: AbortSignal
  /** An ordinary call at home. */
  callHome: <Answer>(request: TlRequest<Answer>, signal: AbortSignal) => Promise<Answer>
  /** As RequestChannelOptions.onFlood, for the account's own data centre. */
  onFlood: RequestChannelOptions['onFlood']
}

/** The request channels of one account, one per data centre. */
export interface RequestChannels {
  /** For parts of files; authorizes in that data centre at need. */
  at: (dcId: number) => RequestChannel
  /** The same for a CDN, which knows no accounts. */
  atCdn: (dcId: number) => RequestChannel
  congestion: (dcId: number) => CongestionWindow
  windows: () => { dcId: number; window: number }[]
  /** Closes all connections; the next call opens new ones. Windows and waits are kept. */
  disconnect: () => void
}

/** Where a channel's connections go, and under which key. */
interface Place {
  name: string
  dcId: number
  authKey: () => Buffer | null
  /** Addresses on which connections may share the key. */
  shared: () => Address[]
  /** The address for a single connection; null: the account's main connection is to be used. */
  single: (() => Address | null | undefined) | null
  onConnected?: (connection: Connection) => void
}

export function createRequestChannels(options: RequestChannelsOptions): RequestChannels {
  const { gramjs, session, apiId, keys, main, connect, limits, retryPolicy, closing } = options
  const congestions = new Map<number, CongestionWindow>()
  const pools = new Map<string, ConnectionPool>()
  const requestChannels = new Map<string, RequestChannel>()
  const cdnKeys = new Map<number, Buffer>()
  const dcAuthKeys = createDcAuthKeys({
    gramjs,
    apiId,
    connect,
    store: keys,
    centres: () => main.centres(closing),
    callHome: (request) => options.callHome(request, closing),
    closing,
  })

  function congestion(dcId: number): CongestionWindow {
    const known = congestions.get(dcId) ?? createCongestionWindow(limits)
    congestions.set(dcId, known)
    return known
  }

  async function connectTo(
    place: Place,
    address: Address | null | undefined,
    purpose: Purpose,
    signal: AbortSignal,
  ): Promise<Connection> {
    if (!address) throw new ConnectionError('unreachable')
    const { dcId } = place
    const target = { gramjs, apiId, address, dcId, authKey: place.authKey(), purpose }
    const query = withoutUpdates(gramjs, new gramjs.Api.help.GetConfig())
    const { connection } = await connect(target, query, signal)
    place.onConnected?.(connection)
    return connection
  }

  function poolAt(place: Place): ConnectionPool {
    const known = pools.get(place.name)
    if (known) return known
    const { single, dcId } = place
    const window = congestion(dcId)
    const pool = createConnectionPool({
      addresses: place.shared,
      open: (address, signal) => connectTo(place, address, 'bulk', signal),
      fallback: async (signal) =>
        single
          ? { connection: await connectTo(place, single(), 'foreign', signal), own: true }
          : { connection: await main.open(signal), own: false },
      connections: () => window.connections,
      onAddresses: window.setAddresses,
      perConnection: limits.perConnection,
    })
    pools.set(place.name, pool)
    return pool
  }

  function channelTo(
    place: Place,
    ready: (signal: AbortSignal) => Promise<unknown>,
    onFlood?: RequestChannelOptions['onFlood'],
  ): RequestChannel {
    // The pool is looked up for each try: it may have been closed, or have got another key.
    const pick = async (signal: AbortSignal, parts?: number): Promise<Connection> => {
      await ready(signal)
      return poolAt(place).pick(signal, parts)
    }
    return createRequestChannel({ congestion: congestion(place.dcId), pick, retryPolicy, onFlood })
  }

  function drop(name: string): void {
    pools.get(name)?.close()
    pools.delete(name)
  }

  function home(): RequestChannel {
    const place: Place = {
      name: 'home',
      dcId: session.dcId,
      authKey: () => session.authKey,
      shared: () => main.known?.media(session.dcId) ?? [],
      single: null,
    }
    return channelTo(place, main.centres, options.onFlood)
  }

  function foreign(dcId: number): RequestChannel {
    const place: Place = {
      name: `dc${dcId}`,
      dcId,
      authKey: () => dcAuthKeys.current(dcId),
      shared: () => main.known?.media(dcId) ?? [],
      single: () => main.known?.main(dcId),
    }
    const ready = async (signal: AbortSignal): Promise<unknown> => {
      await main.centres(signal)
      return dcAuthKeys.get(dcId, signal)
    }
    return renewing(place, channelTo(place, ready), () => dcAuthKeys.forget(dcId))
  }

  /** A channel that gets a new key, once per call, when Telegram has lost the present one. */
  function renewing(
    place: Place,
    channel: RequestChannel,
    forget: () => Promise<void>,
  ): RequestChannel {
    return {
      acquire: channel.acquire,
      call: async (method, build, { permit, ...rest }) => {
        const used = place.authKey()
        try {
          return await channel.call(method, build, permit ? { ...rest, permit } : rest)
        } catch (error) {
          if (!isKeyDead(error)) throw error
          const present = place.authKey()
          // Others that failed with it may have replaced it already.
          if (present && (!used || present.equals(used))) {
            drop(place.name)
            await forget()
          }
          return channel.call(method, build, rest)
        }
      },
    }
  }

  function cdn(dcId: number): RequestChannel {
    const place: Place = {
      name: `cdn${dcId}`,
      dcId,
      authKey: () => cdnKeys.get(dcId) ?? null,
      shared: () => [],
      single: () => main.known?.cdn(dcId)[0],
      onConnected: (connection) => void cdnKeys.set(dcId, connection.authKey),
    }
    const forget = async (): Promise<void> => void cdnKeys.delete(dcId)
    return renewing(place, channelTo(place, main.centres), forget)
  }

  function once(name: string, make: () => RequestChannel): RequestChannel {
    const channel = requestChannels.get(name) ?? make()
    requestChannels.set(name, channel)
    return channel
  }

  return {
    at: (dcId) => once(`dc${dcId}`, () => (dcId === session.dcId ? home() : foreign(dcId))),
    atCdn: (dcId) => once(`cdn${dcId}`, () => cdn(dcId)),
    congestion,
    windows: () => [...congestions].map(([dcId, { window }]) => ({ dcId, window })),
    disconnect: () => {
      for (const name of [...pools.keys()]) drop(name)
    },
  }
}
