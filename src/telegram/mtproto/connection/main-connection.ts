import { untilAborted } from '../../../lib/waiting/abortable.ts'
import { isPeerDown } from '../../circuits.ts'
import { ConnectionError } from '../../errors.ts'
import type { Connect } from './connect.ts'
import type { Connection } from './connection.ts'
import { type DataCentres, reachableInstead, readDataCentres } from './data-centres.ts'
import type { Gramjs } from './gramjs.ts'
import { withoutUpdates } from './init-connection.ts'
import type { Address, Session } from './session.ts'

export interface MainConnectionOptions {
  gramjs: Gramjs
  session: Session
  apiId: number
  connect: Connect
  /** Ends every attempt to connect. */
  closing: AbortSignal
  /** An open connection to begin with. */
  connection?: Connection | undefined
  /** Called before each write to it; where it throws, nothing is written. */
  beforeWrite?: (() => void) | undefined
}

/** The one connection for ordinary calls: opened when it is needed, once for all callers that wait. */
export interface MainConnection {
  open: (signal: AbortSignal) => Promise<Connection>
  /** The addresses that Telegram names; asks for them once. */
  centres: (signal: AbortSignal) => Promise<DataCentres>
  /** The addresses it named last. */
  readonly known: DataCentres | null
  close: (error?: Error) => void
}

export function createMainConnection(options: MainConnectionOptions): MainConnection {
  const { gramjs, session, apiId, connect, closing, beforeWrite } = options
  const { authKey, dcId } = session
  let current = options.connection ?? null
  let opening: Promise<Connection> | null = null
  let known: DataCentres | null = null

  async function reconnect(): Promise<Connection> {
    // The session's own address may have gone stale; the addresses that Telegram named later are tried after it.
    const others = [known?.main(dcId), reachableInstead(dcId, session.address)]
    const addresses = [session.address, ...others].filter((address) => address != null)
    let failure: unknown = new ConnectionError('unreachable')
    for (const address of addresses) {
      try {
        return await connectTo(address)
      } catch (error) {
        const anotherMayAnswer = error instanceof ConnectionError && error.reason !== 'key-unknown'
        if (!anotherMayAnswer && !isPeerDown(error)) throw error
        failure = error
      }
    }
    throw failure
  }

  async function connectTo(address: Address): Promise<Connection> {
    const query = withoutUpdates(gramjs, new gramjs.Api.help.GetConfig())
    const target = { gramjs, apiId, address, dcId, authKey, purpose: 'home', beforeWrite } as const
    const { connection, answer } = await connect(target, query, closing)
    known = readDataCentres(answer.dcOptions)
    current = connection
    return connection
  }

  function open(signal: AbortSignal): Promise<Connection> {
    if (closing.aborted) return Promise.reject(closing.reason)
    if (current && !current.closed) return Promise.resolve(current)
    opening ??= reconnect().finally(() => {
      opening = null
    })
    return untilAborted(opening, signal)
  }

  return {
    open,
    centres: async (signal) => {
      const connection = await open(signal)
      if (!known) {
        const request = withoutUpdates(gramjs, new gramjs.Api.help.GetConfig())
        const config = await connection.request(request, { signal, timeoutMs: 20_000 })
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
