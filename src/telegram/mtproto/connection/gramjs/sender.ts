import type { Log } from '../../../../core/ports/log.ts'
import { ConnectionError, RpcError } from '../../../errors.ts'
import type { DecryptMessage } from '../encryption/encrypted-message.ts'
import type { Address } from '../session.ts'
import { StreamSocket } from '../socket.ts'
import { layFastPath } from './fast-path.ts'
import { leaveInitConnectionToCaller, unsentRequests } from './library.ts'
import type { Modules, MTProtoSender } from './modules.ts'

/** A TL method with its arguments, as gramjs makes it or as `part-request.ts` does. */
export interface TlRequest<Answer> {
  readonly className: string
  readonly __response: Answer
}

export interface SenderOptions {
  address: Address
  dcId: number
  /** Null: make a new key by the full exchange, which takes half a second of CPU. */
  authKey: Buffer | null
  /** Goes into initConnection. */
  apiId: number
  /** Called before each write; where it throws, nothing is written. */
  beforeWrite?: (() => void) | undefined
  /** Called when the connection has ended by itself: nothing more will be answered. */
  onLost: (error: ConnectionError) => void
}

/** One request on its way. */
export interface SentRequest<Answer> {
  /** Rejects with RpcError. Never settles when the connection is lost. */
  readonly answer: Promise<Answer>
  /** Stops waiting for the answer and frees what is kept for it. */
  abandon: () => void
}

/** One connection of gramjs that never reconnects by itself. */
export interface Sender {
  /** Connects, and makes a key where there is none. Rejects with ConnectionError. */
  connect: () => Promise<void>
  authKey: () => Buffer
  send: <Answer>(request: TlRequest<Answer>) => SentRequest<Answer>
  /** When the last bytes came, by `performance.now()`; 0 before the first. */
  readonly heardAt: number
  /** Ends the connection. `onLost` is not called. */
  close: () => void
}

/** `decrypt`: null when gramjs' own cipher is in use. */
export function createSender(
  modules: Modules & { decrypt: DecryptMessage | null },
  options: SenderOptions,
  log: Log,
): Sender {
  const { address, dcId, apiId, onLost } = options
  const logger = createLogger(log)
  let failure: unknown
  let over = false
  let socket: StreamSocket | undefined

  const lose = (error: ConnectionError): void => {
    if (over) return
    over = true
    onLost(error)
    void sender.disconnect().catch(() => {})
  }
  const sender = new modules.senderClass(undefined, {
    logger,
    dcId,
    retries: 1,
    reconnectRetries: 0,
    delay: 0,
    autoReconnect: false,
    // Only a sender that is not the main one reports a key that the server has forgotten.
    isMainSender: false,
    onConnectionBreak: () => lose(new ConnectionError('key-unknown')),
    securityChecks: true,
    _exportedSenderPromises: new Map(),
    client: {
      apiId,
      networkSocket: StreamSocket,
      _initRequest: { deviceModel: '', systemVersion: '', appVersion: '', langCode: 'en' },
      _errorHandler: async (error: unknown) => {
        failure = error
      },
    },
  })
  if (modules.decrypt) layFastPath(sender, modules.tools, modules.decrypt)
  // gramjs would wait a second, connect again, and lose what was sent meanwhile.
  sender.reconnect = () => lose(new ConnectionError('closed'))

  return {
    connect: async () => {
      if (options.authKey) await sender.authKey.setKey(options.authKey)
      const { host: ip, port } = address
      const connection = new modules.connectionClass({
        ip,
        port,
        dcId,
        loggers: logger,
        socket: StreamSocket,
      })
      socket = connection.socket
      socket.beforeWrite = options.beforeWrite
      const connected = await sender.connect(connection, false).catch((error: unknown) => {
        failure = error
        return false
      })
      if (!connected) throw new ConnectionError('unreachable', { cause: failure })
      leaveInitConnectionToCaller(sender)
    },
    authKey: () => {
      const key = sender.authKey.getKey()
      if (!key) throw new ConnectionError('key-unknown')
      return key
    },
    send: (request) => sendRequest(modules, sender, request),
    get heardAt() {
      return socket?.heardAt ?? 0
    },
    close: () => {
      over = true
      void sender.disconnect().catch(() => {})
      // gramjs leaves a socket alone that is still connecting.
      void socket?.close()
    },
  }
}

function sendRequest<Answer>(
  { stateClass }: Modules,
  sender: MTProtoSender,
  request: TlRequest<Answer>,
): SentRequest<Answer> {
  const state = new stateClass(request)
  sender.addStateToQueue(state)
  return {
    answer: state.promise.then(
      (value) => value as Answer,
      (error: unknown) => {
        throw toRpcError(error, request.className)
      },
    ),
    abandon: () => {
      if (state.msgId !== undefined) sender._pendingState.delete(state.msgId)
      const queue = unsentRequests(sender)
      const at = queue.indexOf(state)
      if (at >= 0) queue.splice(at, 1)
    },
  }
}

/** gramjs makes classes of some errors and forgets their names; their fields give them back. */
function toRpcError(error: unknown, method: string): Error {
  if (!(error instanceof Error)) return new ConnectionError('closed', { cause: error })
  const { code, errorMessage, seconds, newDc } = error as Error & {
    code?: number
    errorMessage?: string
    seconds?: number
    newDc?: number
  }
  if (seconds !== undefined) return new RpcError(420, `FLOOD_WAIT_${seconds}`, method)
  if (newDc !== undefined) {
    const subject = error.constructor.name.replace('MigrateError', '').toUpperCase()
    return new RpcError(303, `${subject}_MIGRATE_${newDc}`, method)
  }
  if (error.constructor.name === 'MsgWaitError') return new RpcError(500, 'MSG_WAIT_FAILED', method)
  if (errorMessage === undefined) return new ConnectionError('closed', { cause: error })
  return new RpcError(code ?? 400, errorMessage, method)
}

/** What gramjs logs goes to our log at debug level; `canSend` keeps it off the console. */
function createLogger(log: Log): object {
  const say = (message: unknown): void => log.debug({}, `gramjs: ${String(message)}`)
  const silent = (): void => {}
  return { debug: silent, info: silent, warn: say, error: say, canSend: () => false, levels: [] }
}
