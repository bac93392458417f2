/**
 * The interface between the two halves of the emulator: the protocol half (transports, key
 * exchange, encrypted messages, TL) and the API half (accounts, channels, files, faults).
 */

export type TlValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | TlObject
  | TlValue[]
  | undefined

/**
 * A TL constructor or method. Field names are the schema's own (snake_case); `long` is a signed
 * bigint, `int128`/`int256`/`bytes` are Uint8Array, `flags.N?true` is a boolean, other absent
 * optional fields are undefined, `Bool` is a boolean, `Vector<T>` an array.
 */
export interface TlObject {
  _: string
  [field: string]: TlValue
}

/** One listening address of the emulated Telegram. */
export interface ListenerRole {
  dcId: number
  /** Whether `help.getConfig` announces this address as `media_only`. */
  mediaOnly: boolean
}

/** A permanent or temporary authorization key the server knows. */
export interface AuthKey {
  /** The 64-bit key id, as a signed decimal string. */
  id: string
  key: Uint8Array
  dcId: number
  /** Null for a permanent key, epoch ms for a temporary one (PFS). */
  expiresAt: number | null
  /** For a bound temporary key: the permanent key's id. */
  permanentKeyId: string | null
  /** The layer its client last announced, so that a restart need not forget it. */
  layer?: number
}

/** Where the protocol half keeps keys; the API half implements it on disk. */
export interface AuthKeyStore {
  find: (id: string) => AuthKey | null
  save: (key: AuthKey) => void
  /** Forgets a key for ever. Without this method destroy_auth_key answers that it failed. */
  remove?: (id: string) => void
}

/** One TCP connection, as the API half sees it. */
export interface Connection {
  /** Unique in the process, counting up. */
  readonly id: number
  readonly role: ListenerRole
  /** Cuts the TCP connection at once. */
  destroy: () => void
  /** Bytes per second both ways; null lifts the limit. */
  setBandwidth: (bytesPerSecond: number | null) => void
}

export interface RpcCall {
  /** The innermost method: invokeWithLayer, initConnection, invokeWithoutUpdates and gzip are already peeled off. */
  method: TlObject
  /** The wrappers that were peeled off, the outermost first, each without its query. */
  wrappers: readonly TlObject[]
  /** The permanent key's id (a bound temporary key is replaced by the key it is bound to). */
  authKeyId: string
  /** The id of the key that the message came under: the temporary one, where there is one. */
  usedKeyId: string
  /** The layer this key's client last announced by invokeWithLayer. */
  layer: number
  sessionId: string
  connection: Connection
  /** Sends `Updates` to the session of the call; returns false while it has no connection. */
  push: (updates: TlObject) => boolean
}

/** The API half's answer to one call. */
export type RpcOutcome =
  | { kind: 'result'; value: TlValue }
  /** `rpc_error`: a code such as 420 and a name such as FLOOD_WAIT_2. */
  | { kind: 'error'; code: number; message: string }
  /** There is no answer, and the connection stays open: a lost answer. */
  | { kind: 'silence' }
  /** The connection is cut instead of an answer. */
  | { kind: 'drop' }

/** The API half, as the protocol half calls it. It must not throw. */
export interface RpcHandler {
  call: (call: RpcCall) => Promise<RpcOutcome>
  /** Called when a connection has carried its first message under this key (which AUTH_KEY_DUPLICATED may end). */
  connectionKeyed?: (connection: Connection, authKeyId: string) => void
  connectionClosed?: (connection: Connection) => void
  /** A temporary key was bound to a permanent one. */
  keyBound?: (temporaryKeyId: string) => void
  /** False for a revoked key: the protocol half answers with transport error -404. */
  keyAlive?: (authKeyId: string) => boolean
}

export interface ProtocolServerOptions {
  /** One RSA-2048 key pair, PEM, for all listeners. */
  privateKeyPem: string
  keys: AuthKeyStore
  handler: RpcHandler
  host?: string
}

/** The protocol half, as the API half starts it. */
export interface ProtocolServer {
  /** Opens one more listener; port 0 is never used, because client sessions cannot hold ports above 32767. */
  listen: (role: ListenerRole, port: number) => Promise<{ port: number }>
  readonly publicKeyPem: string
  close: () => Promise<void>
}
