import { createPublicKey } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Api as GramjsApi } from 'telegram'
import type { Log } from '../../core/log.ts'
import { LinkError, RpcError } from '../errors.ts'
import { agree, crc32, crc32Agrees, createFastIge, type IgeCipherClass } from './cipher.ts'
import { createConnectionClass, type GramjsConnectionClass } from './connection.ts'
import { type FastPathSender, layFastPath, type MessageTools } from './fast-path.ts'
import { rsaFingerprint } from './rsa-fingerprint.ts'
import type { Address } from './session.ts'
import { StreamSocket } from './socket.ts'

/*
 * The only file that touches members of gramjs which it does not document. What is used here
 * exists in its fork teleproto as well.
 *
 * Of gramjs' network code only MTProtoSender is used: one connection, its message layer and
 * TL. TelegramClient is left out on purpose: its update loop, reconnection and exported senders
 * can neither be switched off nor ended for certain, and they lose requests.
 */

export type { Api } from 'telegram'

export type Long = GramjsApi.long
type ApiClasses = typeof GramjsApi

/** A TL method with its arguments, as gramjs makes it or as `part-request.ts` does. */
export interface TlRequest<Answer> {
  readonly className: string
  readonly __response: Answer
}

/** What gramjs keeps for a request until its answer is here. */
interface RequestState {
  msgId?: { toString: () => string }
  promise: Promise<unknown>
}

interface AuthKey {
  setKey: (key: Buffer) => Promise<void>
  getKey: () => Buffer | undefined
}

interface MTProtoSender extends FastPathSender {
  readonly authKey: AuthKey
  readonly _pendingState: { delete: (id: unknown) => void }
  /** teleproto's queue; gramjs has it in `_sendQueue`. */
  readonly _queued?: unknown[]
  connect: (connection: unknown, force: boolean) => Promise<boolean>
  disconnect: () => Promise<void>
  addStateToQueue: (state: RequestState) => void
  reconnect: () => void
}

interface Modules {
  Api: ApiClasses
  layer: number
  senderClass: new (key: AuthKey | undefined, options: object) => MTProtoSender
  stateClass: new (request: unknown) => RequestState
  authKeyClass: new () => AuthKey
  connectionClass: GramjsConnectionClass
  ige: { IGE: IgeCipherClass }
  helpers: { crc32: typeof crc32; returnBigInt: (value: string) => Long }
  rsa: { _serverKeys: Map<string, { n: Long; e: number }> }
  tools: MessageTools
  gzip: { GZIPPacked: { gzipIfSmaller: (related: boolean, data: Buffer) => Promise<Buffer> } }
}

export interface SenderOptions {
  address: Address
  dcId: number
  /** Null: make a new key by the full exchange, which takes half a second of CPU. */
  authKey: Buffer | null
  /** Goes into initConnection. */
  apiId: number
  /** Called when the connection has ended by itself: nothing more will be answered. */
  onLost: (error: LinkError) => void
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
  /** Connects, and makes a key where there is none. Rejects with LinkError. */
  connect: () => Promise<void>
  authKey: () => Buffer
  send: <Answer>(request: TlRequest<Answer>) => SentRequest<Answer>
  /** Ends the connection. `onLost` is not called. */
  close: () => void
}

export interface Gramjs {
  readonly Api: ApiClasses
  readonly layer: number
  /** A TL long from decimal text. */
  toLong: (decimal: string) => Long
  createSender: (options: SenderOptions) => Sender
  /** Trusts one more RSA key of a server; needed for CDNs and for servers that are not Telegram's. */
  trustKey: (pem: string) => void
}

let loaded: Gramjs | undefined

/**
 * Loads gramjs at first use (a second, and 35 MB) and puts the fast cipher into it.
 * `log` hears of a cipher that does not fit.
 */
export function loadGramjs(log: Log): Gramjs {
  if (loaded) return loaded
  const modules = loadModules()
  const fast = installCipher(modules, log)
  // A part does not get smaller by compression; gramjs would only copy it twice to find out.
  modules.gzip.GZIPPacked.gzipIfSmaller = async (_related, data) => data
  const connectionClass = createConnectionClass(modules.connectionClass)
  loaded = {
    Api: modules.Api,
    layer: modules.layer,
    toLong: (decimal) => modules.helpers.returnBigInt(decimal),
    createSender: (options) => createSender({ ...modules, connectionClass, fast }, options, log),
    trustKey: (pem) => {
      const { n, e } = createPublicKey(pem).export({ format: 'jwk' })
      const modulus = Buffer.from(n ?? '', 'base64url')
      const exponent = Buffer.from(e ?? '', 'base64url')
      modules.rsa._serverKeys.set(rsaFingerprint(modulus, exponent), {
        n: modules.helpers.returnBigInt(BigInt(`0x${modulus.toString('hex')}`).toString()),
        e: exponent.readUIntBE(0, exponent.length),
      })
    },
  }
  return loaded
}

function loadModules(): Modules {
  const require = createRequire(import.meta.url)
  return {
    Api: require('telegram').Api,
    layer: require('telegram/tl/AllTLObjects').LAYER,
    senderClass: require('telegram/network').MTProtoSender,
    stateClass: require('telegram/network/RequestState').RequestState,
    authKeyClass: require('telegram/crypto/AuthKey').AuthKey,
    connectionClass: require('telegram/network/connection').ConnectionTCPFull,
    ige: require('telegram/crypto/IGE'),
    helpers: require('telegram/Helpers'),
    rsa: require('telegram/crypto/RSA'),
    tools: {
      readerClass: require('telegram/extensions').BinaryReader,
      messageClass: require('telegram/tl/core').TLMessage,
      securityErrorClass: require('telegram/errors').SecurityError,
    },
    gzip: require('telegram/tl/core'),
  }
}

/** gramjs looks its cipher up in the module at each call, which is the only way in. Says if it fits. */
function installCipher({ ige, helpers }: Modules, log: Log): boolean {
  if (crc32Agrees()) helpers.crc32 = crc32
  try {
    const fast = createFastIge()
    if (!agree(fast, ige.IGE)) throw new Error('a known answer came out wrong')
    ige.IGE = fast
    return true
  } catch (error) {
    log.warn({ err: error }, "gramjs' own slow cipher stays in use")
    return false
  }
}

function createSender(
  modules: Modules & { fast: boolean },
  options: SenderOptions,
  log: Log,
): Sender {
  const { address, dcId, apiId, onLost } = options
  const logger = createLogger(log)
  let failure: unknown
  let over = false

  const lose = (error: LinkError): void => {
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
    // Only a sender that is not the main one tells of a key that the server has forgotten.
    isMainSender: false,
    onConnectionBreak: () => lose(new LinkError('key-unknown')),
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
  if (modules.fast) layFastPath(sender, modules.tools)
  // gramjs would wait a second, connect again, and lose what was sent meanwhile.
  sender.reconnect = () => lose(new LinkError('closed'))

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
      const connected = await sender.connect(connection, false).catch((error: unknown) => {
        failure = error
        return false
      })
      if (!connected) throw new LinkError('unreachable', { cause: failure })
    },
    authKey: () => {
      const key = sender.authKey.getKey()
      if (!key) throw new LinkError('key-unknown')
      return key
    },
    send: (request) => sendRequest(modules, sender, request),
    close: () => {
      over = true
      void sender.disconnect().catch(() => {})
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
      const queue: unknown[] = sender._sendQueue?._queue ?? sender._queued ?? []
      const at = queue.indexOf(state)
      if (at >= 0) queue.splice(at, 1)
    },
  }
}

/** gramjs makes classes of some errors and forgets their names; their fields give them back. */
function toRpcError(error: unknown, method: string): Error {
  if (!(error instanceof Error)) return new LinkError('closed', { cause: error })
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
  if (errorMessage === undefined) return new LinkError('closed', { cause: error })
  return new RpcError(code ?? 400, errorMessage, method)
}

/** gramjs' chatter goes to our log at debug; its `canSend` keeps it off the console. */
function createLogger(log: Log): object {
  const say = (message: unknown): void => log.debug({}, `gramjs: ${String(message)}`)
  const silent = (): void => {}
  return { debug: silent, info: silent, warn: say, error: say, canSend: () => false, levels: [] }
}
