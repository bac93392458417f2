import type { Leases } from '../../../core/ports/cluster/leases.ts'
import type { Credentials } from '../../../core/ports/credentials.ts'
import type { Log } from '../../../core/ports/log.ts'
import { AppError, shuttingDown } from '../../../errors.ts'
import type { CongestionLimits } from '../connection/congestion-window.ts'
import type { Connect } from '../connection/connect.ts'
import { TELEGRAM_ENTRY } from '../connection/data-centres.ts'
import { createMemoryKeyStore } from '../connection/dc-auth-keys.ts'
import type { CipherChoice } from '../connection/encryption/cipher.ts'
import { type Gramjs, loadGramjs } from '../connection/gramjs.ts'
import { createNoMainConnection, MainConnectionNeeded } from '../connection/no-main-connection.ts'
import type { RetryPolicy } from '../connection/request-channel.ts'
import { type Address, authKeyName, parseSession, type Session } from '../connection/session.ts'
import { type Account, createAccount } from './account.ts'
import { createAccountLeases } from './account-leases.ts'
import { createAccountPool } from './account-pool.ts'
import { type AccountIdentity, createBotAccounts, type LoginEnds } from './bot-accounts.ts'
import { type Bots, createBots, type Secrets, secretName } from './bots.ts'

export interface AccountsOptions {
  log: Log
  secrets: Secrets
  /** The cipher of this process. */
  cipher: CipherChoice
  /** PEM of the RSA key of a server that is not Telegram's. */
  serverKeyPem: string | null
  /** Where bots without a key begin, if not at Telegram. */
  server: { dcId: number; host: string; port: number } | null
  idleMs: number
  maxAccounts: number
  connect: Connect
  limits: CongestionLimits
  retryPolicy: RetryPolicy
  /** Those of this node, where it belongs to a cluster: an account is used while its lease is held. */
  leases?: Leases | undefined
  /** Called when an account's lease has ended: what is known of its messages may be another node's to change. */
  onLeft?: (name: string) => void
  /** Called for each wait that every post of an account, named as by `nameOf`, has to obey. */
  onWait?: (name: string, seconds: number) => void
}

/** The actor at Telegram: a user or a bot. */
export type Actor = 'user' | 'bot'

/** Accounts by credentials. */
export interface Accounts {
  /**
   * Runs `work` as the user or the bot of the credentials, connected at need.
   * Rejects with TELEGRAM_SESSION_INVALID, TELEGRAM_NOT_CONNECTED and what `work` rejects with; in a
   * cluster also with AccountElsewhere and LEASE_LOST.
   */
  use: <T>(
    credentials: Credentials,
    actor: Actor,
    signal: AbortSignal,
    work: (account: Account) => Promise<T>,
  ) => Promise<T>
  /** Runs `work` without connecting, but in a cluster as `use` does: while this node has the account. */
  holding: <T>(
    credentials: Credentials,
    actor: Actor,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ) => Promise<T>
  /**
   * Runs `work` as the account without its main connection, and so without its lease: only parts of files
   * at its home, over connections to these addresses. Whatever else `work` wants rejects with
   * MainConnectionNeeded.
   */
  readFiles: <T>(
    credentials: Credentials,
    actor: Actor,
    addresses: readonly Address[],
    work: (account: Account) => Promise<T>,
  ) => Promise<T>
  /** A name for the account, without connecting. */
  nameOf: (credentials: Credentials, actor: Actor) => string
  /** Parts Telegram takes in a file of this user, if it is known already. */
  maxParts: (credentials: Credentials) => number | null
  /** Congestion windows by data centre (TelegramGateway.windows). */
  windows: () => Record<string, number>
  close: () => Promise<void>
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { log, secrets, server } = options
  const pool = createAccountPool({ idleMs: options.idleMs, maxAccounts: options.maxAccounts })
  /** Accounts whose main connection another node has. */
  const readers = createAccountPool({ idleMs: options.idleMs, maxAccounts: options.maxAccounts })
  const closing = new AbortController()
  const leases =
    options.leases &&
    createAccountLeases({
      leases: options.leases,
      log,
      idleMs: options.idleMs,
      leave: (name) => {
        for (const account of named(name)) account.disconnect()
        left(name)
      },
      cut: (name, error) => {
        for (const account of named(name)) {
          account.close(error)
          pool.ended(account.id, error)
        }
        left(name)
      },
    })

  const botAccounts = createBotAccounts({
    pool,
    bots,
    make,
    beforeWrite: leases && ((name) => leases.assertHeld(name)),
    closing: closing.signal,
  })

  const named = (name: string): Account[] => pool.all().filter((account) => account.name === name)

  /** Another node may log the bot in anew, and change messages. */
  function left(name: string): void {
    made?.leave(name)
    options.onLeft?.(name)
  }

  function library(): Gramjs {
    const gramjs = loadGramjs(log, options.cipher)
    if (options.serverKeyPem !== null) gramjs.trustKey(options.serverKeyPem)
    return gramjs
  }

  let made: Bots | undefined
  function bots(): Bots {
    const entry = server ?? TELEGRAM_ENTRY
    made ??= createBots({ gramjs: library(), connect: options.connect, secrets, entry })
    return made
  }

  function make(identity: AccountIdentity): Account {
    const account = createAccount({
      ...options,
      ...identity,
      gramjs: library(),
      beforeWrite: leases && (() => leases.assertHeld(identity.name)),
      onWait: (seconds) => options.onWait?.(identity.name, seconds),
      onDead: (error) => {
        log.warn({ account: account.id, code: error.code }, 'Telegram has ended a session')
        pool.ended(account.id, error)
        identity.onDead()
      },
    })
    return account
  }

  async function asUser<T>(
    credentials: Credentials,
    work: (account: Account) => Promise<T>,
  ): Promise<T> {
    const { session: text, apiId } = credentials
    if (text === null || apiId === null) throw notConnected()
    const session = parseSession(text)
    const name = authKeyName(session.authKey)
    const create = (): Account =>
      make({ session, kind: 'user', apiId, keys: createMemoryKeyStore(), name, onDead: () => {} })
    return pool.use(name, create, work)
  }

  async function asBot<T>(
    credentials: Credentials,
    ends: LoginEnds,
    work: (account: Account) => Promise<T>,
  ): Promise<T> {
    const { botToken: token, apiId, apiHash } = credentials
    if (token === null || apiId === null || apiHash === null) throw notConnected()
    return botAccounts.use({ token, apiId, apiHash }, ends, work)
  }

  /** The key of an account that is used elsewhere; null: it has none yet. */
  async function sessionOf(credentials: Credentials, actor: Actor): Promise<Session | null> {
    return actor === 'user'
      ? parseSession(credentials.session ?? '')
      : bots().stored(nameOf(credentials, actor))
  }

  async function readFiles<T>(
    credentials: Credentials,
    actor: Actor,
    addresses: readonly Address[],
    work: (account: Account) => Promise<T>,
  ): Promise<T> {
    const { apiId } = credentials
    const session = await sessionOf(credentials, actor)
    if (apiId === null || session === null) throw new MainConnectionNeeded()
    const name = nameOf(credentials, actor)
    // Other addresses make it another account here, and the earlier one falls idle.
    const places = addresses.map(({ host, port }) => `${host}:${port}`)
    const id = [authKeyName(session.authKey), ...places].join(' ')
    const create = (): Account =>
      createAccount({
        ...options,
        ...{ session, kind: actor, apiId, name, gramjs: library(), keys: createMemoryKeyStore() },
        main: createNoMainConnection(session.dcId, addresses),
        onWait: () => {},
        // What has become of its key the holder finds out by itself. A bot may have got a new one.
        onDead: (error) => {
          readers.ended(id, error)
          if (actor === 'bot') bots().leave(name)
        },
      })
    return readers.use(id, create, work)
  }

  function nameOf({ session, botToken }: Credentials, actor: Actor): string {
    return actor === 'user'
      ? authKeyName(parseSession(session ?? '').authKey)
      : secretName(botToken ?? '')
  }

  return {
    use: async (credentials, actor, signal, work) => {
      const run = (lost: AbortSignal | null) =>
        actor === 'user' ? asUser(credentials, work) : asBot(credentials, { signal, lost }, work)
      return leases ? leases.use(nameOf(credentials, actor), run) : run(null)
    },
    holding: async (credentials, actor, signal, work) =>
      leases
        ? leases.use(nameOf(credentials, actor), (lost) => work(AbortSignal.any([signal, lost])))
        : work(signal),
    readFiles,
    nameOf,
    maxParts: ({ session }) => {
      const name = session === null ? null : nameOfSession(session)
      return name === null ? null : (pool.find(name)?.maxParts ?? null)
    },
    windows: () => {
      const sums: Record<string, number> = {}
      const all = [...pool.all(), ...readers.all()]
      for (const { dcId, window } of all.flatMap((account) => account.windows())) {
        sums[`dc${dcId}`] = (sums[`dc${dcId}`] ?? 0) + window
      }
      return sums
    },
    close: async () => {
      closing.abort(shuttingDown())
      pool.close()
      readers.close()
      await leases?.close()
    },
  }
}

/** Null for a malformed session, which says nothing about roads that do not need it. */
function nameOfSession(text: string): string | null {
  try {
    return authKeyName(parseSession(text).authKey)
  } catch {
    return null
  }
}

function notConnected(): AppError {
  return new AppError('TELEGRAM_NOT_CONNECTED', 'Connect Telegram in settings')
}
