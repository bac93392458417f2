import type { Log } from '../../../core/ports/log.ts'
import type { AppError } from '../../../errors.ts'
import { faultOf, toAppError } from '../../errors.ts'
import { DEFAULT_MAX_PARTS } from '../../limits.ts'
import type { CongestionLimits } from '../connection/congestion-window.ts'
import type { Connect } from '../connection/connect.ts'
import type { Connection } from '../connection/connection.ts'
import type { KeyStore } from '../connection/dc-auth-keys.ts'
import type { Api, Gramjs, TlRequest } from '../connection/gramjs.ts'
import { withoutUpdates } from '../connection/init-connection.ts'
import { createMainConnection, type MainConnection } from '../connection/main-connection.ts'
import {
  type CallOptions,
  createRequestChannel,
  type RequestChannel,
  type RetryPolicy,
} from '../connection/request-channel.ts'
import { createRequestChannels } from '../connection/request-channels.ts'
import { type Address, authKeyName, type Session } from '../connection/session.ts'
import { isPostingMethod } from './posting-methods.ts'

export interface AccountOptions {
  gramjs: Gramjs
  session: Session
  kind: 'user' | 'bot'
  /** The account's name (Accounts.nameOf). */
  name: string
  apiId: number
  /** Keys for other data centres. */
  keys: KeyStore
  connect: Connect
  limits: CongestionLimits
  retryPolicy: RetryPolicy
  log: Log
  /** An open connection under the session's key, taken over as the main one. */
  connection?: Connection | undefined
  /** Called before each write to the main connection; where it throws, nothing is written. */
  beforeWrite?: (() => void) | undefined
  /** In place of one that connects. */
  main?: MainConnection | undefined
  /** Called when Telegram asks for a wait that every post of the account has to obey. */
  onWait: (seconds: number) => void
  /** Called when Telegram has ended the session. */
  onDead: (error: AppError) => void
}

/**
 * One account at Telegram: all that this process does under one auth key.
 *
 * Ordinary calls go over one main connection, because Telegram kills a key that is used on two
 * of them at once. Parts of files go over connections to media-only addresses.
 */
export interface Account {
  /** A name for the key, which does not tell it. */
  readonly id: string
  /** The account's name (Accounts.nameOf). */
  readonly name: string
  readonly kind: 'user' | 'bot'
  readonly dcId: number
  readonly gramjs: Gramjs
  /** Parts Telegram takes in one file of this account, as far as known. */
  readonly maxParts: number
  /** An ordinary call. Rejects as RequestChannel.call does. */
  call: <Answer>(request: TlRequest<Answer>, options: CallOptions) => Promise<Answer>
  /** For parts of files in a data centre; authorizes there if need be. */
  requestChannel: (dcId: number) => RequestChannel
  /** The same for a CDN, which knows no accounts. */
  cdnRequestChannel: (dcId: number) => RequestChannel
  /** The addresses at home on which connections may share the account's key. */
  mediaAddresses: (signal: AbortSignal) => Promise<Address[]>
  /** The congestion window of each data centre. */
  windows: () => { dcId: number; window: number }[]
  /** Closes all connections; the next call opens them again. Windows, waits and limits are kept. */
  disconnect: () => void
  /** Closes for good: everything that runs or comes fails with the error. */
  close: (error: AppError) => void
}

export function createAccount(options: AccountOptions): Account {
  const { gramjs, session, kind, log } = options
  const closing = new AbortController()
  const id = authKeyName(session.authKey)
  let maxParts = DEFAULT_MAX_PARTS
  let asked = false

  const onFlood = (method: string | null, seconds: number): void => {
    if (method === null || isPostingMethod(method, kind)) options.onWait(seconds)
  }

  const main = options.main ?? createMainConnection({ ...options, closing: closing.signal })
  const requestChannels = createRequestChannels({
    ...options,
    main,
    closing: closing.signal,
    callHome: (request, signal) => call(request, { signal }),
    onFlood,
  })
  const ordinary = watched(
    createRequestChannel({
      congestion: requestChannels.congestion(session.dcId),
      pick: main.open,
      retryPolicy: options.retryPolicy,
      ordinary: true,
      onFlood,
    }),
  )

  function call<Answer>(request: TlRequest<Answer>, callOptions: CallOptions): Promise<Answer> {
    askLimits()
    const build = (): TlRequest<Answer> => withoutUpdates(gramjs, request)
    return ordinary.call(request.className, build, callOptions)
  }

  /** Asks once how many parts a file of this account may have; until then the default holds. */
  function askLimits(): void {
    if (asked || kind === 'bot') return
    asked = true
    const get = <A>(request: TlRequest<A>): Promise<A> => call(request, { signal: closing.signal })
    readMaxParts(gramjs, get).then(
      (parts) => {
        maxParts = parts
      },
      (error: unknown) => log.debug({ err: error }, "the account's file limit is not known"),
    )
  }

  function close(error: AppError): void {
    if (closing.signal.aborted) return
    closing.abort(error)
    main.close(error)
    requestChannels.disconnect()
  }

  /** Ends the account when Telegram says that its key is dead. */
  function watched(requestChannel: RequestChannel): RequestChannel {
    return {
      acquire: (method, acquireOptions) => {
        closing.signal.throwIfAborted()
        return requestChannel.acquire(method, acquireOptions)
      },
      call: async (method, build, callOptions) => {
        closing.signal.throwIfAborted()
        try {
          return await requestChannel.call(method, build, callOptions)
        } catch (error) {
          callOptions.signal.throwIfAborted()
          closing.signal.throwIfAborted()
          if (faultOf(error).kind === 'key-dead') {
            close(toAppError(error))
            options.onDead(toAppError(error))
          }
          throw error
        }
      },
    }
  }

  return {
    id,
    name: options.name,
    kind,
    dcId: session.dcId,
    gramjs,
    get maxParts() {
      return maxParts
    },
    call,
    // A key that died elsewhere says nothing about the one at home.
    requestChannel: (dcId) =>
      dcId === session.dcId ? watched(requestChannels.at(dcId)) : requestChannels.at(dcId),
    cdnRequestChannel: requestChannels.atCdn,
    mediaAddresses: async (signal) => (await main.centres(signal)).media(session.dcId),
    windows: requestChannels.windows,
    disconnect: () => {
      main.close()
      requestChannels.disconnect()
    },
    close,
  }
}

/**
 * How many parts one file of this account may have: `help.getAppConfig` says it for everybody
 * and for Premium (core.telegram.org/api/config#client-configuration).
 */
async function readMaxParts(
  { Api }: Gramjs,
  call: <Answer>(request: TlRequest<Answer>) => Promise<Answer>,
): Promise<number> {
  const answer = await call(new Api.help.GetAppConfig({ hash: 0 }))
  if (!(answer instanceof Api.help.AppConfig)) return DEFAULT_MAX_PARTS
  const [self] = await call(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }))
  const premium = self instanceof Api.User && self.premium === true
  const key = premium ? 'upload_max_fileparts_premium' : 'upload_max_fileparts_default'
  return readNumber(answer.config, key) ?? DEFAULT_MAX_PARTS
}

function readNumber(config: Api.TypeJSONValue, key: string): number | null {
  if (!('value' in config) || !Array.isArray(config.value)) return null
  for (const entry of config.value) {
    if (!('key' in entry) || entry.key !== key) continue
    return 'value' in entry.value && typeof entry.value.value === 'number'
      ? entry.value.value
      : null
  }
  return null
}
