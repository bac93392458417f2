import { untilAborted } from '../../../lib/waiting/abortable.ts'
import { toAppError } from '../../errors.ts'
import type { Connection } from '../connection/connection.ts'
import type { KeyStore } from '../connection/dc-auth-keys.ts'
import { authKeyName, type Session } from '../connection/session.ts'
import type { Account } from './account.ts'
import type { AccountPool } from './account-pool.ts'
import { type BotLogin, type Bots, secretName } from './bots.ts'

/** The user or bot that an account is made for. */
export interface AccountIdentity {
  session: Session
  kind: 'user' | 'bot'
  apiId: number
  /** Keys for other data centres. */
  keys: KeyStore
  /** The account's name (Accounts.nameOf). */
  name: string
  /** An open connection under the session's key. */
  connection?: Connection | undefined
  /** Called when Telegram has ended the session. */
  onDead: () => void
}

export interface BotAccountsOptions {
  pool: Pick<AccountPool, 'use'>
  /** Where sessions of bots come from; made when the first one is wanted. */
  bots: () => Bots
  make: (identity: AccountIdentity) => Account
  /** Called before each write to a main connection of the account of this name; may throw. */
  beforeWrite?: ((name: string) => void) | undefined
  /** Ends logins, which are shared by several callers. */
  closing: AbortSignal
}

/** What ends a caller's wait, and what ends the login that it may share with others. */
export interface LoginEnds {
  signal: AbortSignal
  /** Aborts when the bot is another node's to log in; null where there is no other. */
  lost: AbortSignal | null
}

/** Accounts of bots by their tokens. */
export interface BotAccounts {
  /**
   * Runs `work` as the bot, logged in at need; once more, with a new key, when it fails because
   * Telegram has revoked the stored one.
   */
  use: <T>(login: BotLogin, ends: LoginEnds, work: (account: Account) => Promise<T>) => Promise<T>
}

export function createBotAccounts(options: BotAccountsOptions): BotAccounts {
  const { pool, bots, make, beforeWrite, closing } = options
  const loggingIn = new Map<string, Promise<Session>>()

  function useWith<T>(
    { token, apiId }: BotLogin,
    { session, connection }: { session: Session; connection?: Connection | undefined },
    work: (account: Account) => Promise<T>,
  ): Promise<T> {
    const keys = bots().keys(token)
    const onDead = (): void => void bots().forget(token)
    const create = (): Account =>
      make({ session, kind: 'bot', apiId, keys, name: secretName(token), connection, onDead })
    return pool.use(authKeyName(session.authKey), create, work)
  }

  /** One login per bot, shared by all callers that wait. */
  function logIn(login: BotLogin, lost: AbortSignal | null): Promise<Session> {
    const name = secretName(login.token)
    const running = loggingIn.get(name)
    if (running !== undefined) return running
    const started = open(login, lost).finally(() => loggingIn.delete(name))
    loggingIn.set(name, started)
    return started
  }

  async function open(login: BotLogin, lost: AbortSignal | null): Promise<Session> {
    const name = secretName(login.token)
    const opened = await bots().open(login, {
      signal: lost ? AbortSignal.any([closing, lost]) : closing,
      beforeWrite: beforeWrite && (() => beforeWrite(name)),
    })
    // From here on its connection has an owner that closes it, also when no caller waits any more.
    if (opened.connection) await useWith(login, opened, async () => {})
    return opened.session
  }

  return {
    use: async (login, { signal, lost }, work) => {
      let worked = false
      const attempt = async () => {
        const session = await untilAborted(logIn(login, lost), signal)
        return useWith(login, { session }, (account) => {
          worked = true
          return work(account)
        })
      }
      try {
        return await attempt()
      } catch (error) {
        // The stored key has been revoked; the token may still get a new one.
        if (!worked || signal.aborted) throw error
        if (toAppError(error).code !== 'TELEGRAM_SESSION_INVALID') throw error
        return attempt()
      }
    },
  }
}
