import { createHash } from 'node:crypto'
import type { Ledger } from '../../../core/ports/ledger.ts'
import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { ConnectionError, faultOf, floodWait, RpcError, toAppError } from '../../errors.ts'
import type { Connect } from '../connection/connect.ts'
import type { Connection } from '../connection/connection.ts'
import { readDataCentres } from '../connection/data-centres.ts'
import type { KeyStore } from '../connection/dc-auth-keys.ts'
import type { Gramjs } from '../connection/gramjs.ts'
import { withoutUpdates } from '../connection/init-connection.ts'
import type { Address, Session } from '../connection/session.ts'

/**
 * Keeps the bots' keys, encrypted, across restarts. To save or delete one does not reject, and a read
 * sees it from the moment of the call, as with `createRetryingSecrets`.
 */
export type Secrets = Pick<Ledger, 'secret' | 'saveSecret' | 'deleteSecret'>

export interface BotLogin {
  token: string
  apiId: number
  apiHash: string
}

export interface BotsOptions {
  gramjs: Gramjs
  connect: Connect
  secrets: Secrets
  /** Where a bot without a key begins. */
  entry: { dcId: number; host: string; port: number }
}

/** A bot's session, and the connection on which it was made, if that is still open. */
export interface BotSession {
  session: Session
  connection: Connection | undefined
}

export interface OpenBot {
  signal: AbortSignal
  /** Called before each write to the connection that is made, and before a new key is stored; may throw. */
  beforeWrite?: (() => void) | undefined
}

/** Sessions of bots, made by their tokens. */
export interface Bots {
  /** The stored session, or a new one. Rejects with RpcError, ConnectionError or TELEGRAM_FLOOD_WAIT. */
  open: (login: BotLogin, options: OpenBot) => Promise<BotSession>
  /** The stored session of the bot of this name (`secretName`), or null. */
  stored: (name: string) => Promise<Session | null>
  /** The bot of this name (`secretName`) is another node's to log in: the ledger is read again. */
  leave: (name: string) => void
  /** Telegram does not know the stored key any more. */
  forget: (token: string) => Promise<void>
  /** Keys of this bot in other data centres. */
  keys: (token: string) => KeyStore
}

/** Moves from one data centre to another while logging in. */
const MAX_MOVES = 4
/** Milliseconds for which a key read from the ledger is kept in memory. */
const SESSION_TTL_MS = 600_000

export function createBots({ gramjs, connect, secrets, entry }: BotsOptions): Bots {
  const sessions = createTtlCache<Session>({ maxEntries: 1000 })
  /** Logins are flood-limited: until then Telegram is not even asked. */
  const closedUntil = new Map<string, number>()

  async function read(name: string): Promise<Session | null> {
    const known = sessions.get(name)
    if (known) return known
    const bytes = await secrets.secret(name)
    if (!bytes) return null
    const { dcId, host, port, key } = JSON.parse(bytes.toString()) as StoredKey
    const session = { dcId, address: { host, port }, authKey: Buffer.from(key, 'base64') }
    sessions.set(name, session, SESSION_TTL_MS)
    return session
  }

  async function write(name: string, { dcId, address, authKey }: Session): Promise<void> {
    const stored: StoredKey = { dcId, ...address, key: authKey.toString('base64') }
    await secrets.saveSecret(name, Buffer.from(JSON.stringify(stored)))
  }

  async function logIn(login: BotLogin, options: OpenBot): Promise<BotSession> {
    const { dcId, host, port } = entry
    let place = { dcId, address: { host, port } }
    for (let moves = 0; ; moves++) {
      try {
        return await logInAt(login, place, options)
      } catch (error) {
        if (!(error instanceof MoveError) || moves >= MAX_MOVES) throw error
        place = error.place
      }
    }
  }

  async function logInAt(login: BotLogin, place: Place, options: OpenBot): Promise<BotSession> {
    const { Api } = gramjs
    const { signal, beforeWrite } = options
    const { dcId, address } = place
    const target = { gramjs, apiId: login.apiId, address, dcId, authKey: null, beforeWrite }
    const { connection, answer } = await connect(
      { ...target, purpose: 'home' },
      new Api.help.GetConfig(),
      signal,
    )
    try {
      const request = new Api.auth.ImportBotAuthorization({
        flags: 0,
        apiId: login.apiId,
        apiHash: login.apiHash,
        botAuthToken: login.token,
      })
      await connection.request(withoutUpdates(gramjs, request), { signal, timeoutMs: 30_000 })
      // Another node may have logged the bot in meanwhile: its key stays the stored one.
      beforeWrite?.()
      return { session: { dcId, address, authKey: connection.authKey }, connection }
    } catch (error) {
      connection.close()
      const fault = faultOf(error)
      if (fault.kind !== 'move') throw error
      const next = readDataCentres(answer.dcOptions).main(fault.dcId)
      if (!next) throw new ConnectionError('unreachable', { cause: error })
      throw new MoveError({ dcId: fault.dcId, address: next })
    }
  }

  return {
    stored: read,
    leave: (name) => sessions.delete(name),
    open: async (login, options) => {
      const name = secretName(login.token)
      const stored = await read(name)
      if (stored) return { session: stored, connection: undefined }
      const waitMs = (closedUntil.get(name) ?? 0) - performance.now()
      if (waitMs > 0) throw floodWait(Math.ceil(waitMs / 1000))
      try {
        const opened = await logIn(login, options)
        closedUntil.delete(name)
        await write(name, opened.session)
        return opened
      } catch (error) {
        const fault = faultOf(error)
        if (fault.kind === 'wait') closedUntil.set(name, performance.now() + fault.seconds * 1000)
        // gramjs puts the method's name into its errors, never the token.
        throw error instanceof RpcError ? toAppError(error) : error
      }
    },
    forget: async (token) => {
      sessions.delete(secretName(token))
      await secrets.deleteSecret(secretName(token))
    },
    keys: (token) => ({
      get: (dcId) => secrets.secret(`${secretName(token)}/${dcId}`),
      set: async (dcId, key) => {
        const name = `${secretName(token)}/${dcId}`
        if (key) await secrets.saveSecret(name, key)
        else await secrets.deleteSecret(name)
      },
    }),
  }
}

/** A name for the token that does not tell it. */
export function secretName(token: string): string {
  return `bot/${createHash('sha256').update(token).digest('hex').slice(0, 32)}`
}

interface StoredKey {
  dcId: number
  host: string
  port: number
  /** Base64. */
  key: string
}

interface Place {
  dcId: number
  address: Address
}

/** The bot lives in another data centre. */
class MoveError extends Error {
  readonly place: Place

  constructor(place: Place) {
    super('the bot lives in another data centre')
    this.place = place
  }
}
