import type { Credentials } from '../core/ports/credentials.ts'
import type { Log } from '../core/ports/log.ts'
import { createTelegramCircuits } from './circuits.ts'
import { toAppError } from './errors.ts'
import type { Account } from './mtproto/account/account.ts'
import { createAccounts } from './mtproto/account/accounts.ts'
import { toInputChannel } from './mtproto/account/channel.ts'
import { createChannels } from './mtproto/account/channels.ts'
import { DEFAULT_CONGESTION_LIMITS } from './mtproto/connection/congestion-window.ts'
import { createConnector } from './mtproto/connection/connect.ts'
import { loadCipher } from './mtproto/connection/encryption/cipher.ts'
import { DEFAULT_RETRY_POLICY } from './mtproto/connection/request-channel.ts'
import { parseSession } from './mtproto/connection/session.ts'

export interface ExamineOptions {
  /** With a session, an API id and the channel. */
  credentials: Omit<Credentials, 'userId'>
  serverKeyPem: string | null
  server: { dcId: number; host: string; port: number } | null
  log: Log
  signal: AbortSignal
}

export interface ExaminedSession {
  dcId: number
  /** The account's first name. */
  name: string
  premium: boolean
  channelTitle: string
  mayPost: boolean
  /** Whether it may edit, and delete, what others have posted. */
  mayEdit: boolean
  mayDelete: boolean
}

const OPEN_MS = 10_000

/**
 * Looks at one user session: connects, asks for the account's name, finds the channel, disconnects.
 * Nothing is tried for long. No other process may use the session meanwhile: Telegram revokes a key that is used
 * in two places. Rejects with TELEGRAM_SESSION_INVALID, TELEGRAM_CHANNEL_NOT_FOUND,
 * TELEGRAM_UNAVAILABLE and the like; `onAccount` may have been called before.
 */
export async function examineSession(
  options: ExamineOptions,
  onAccount: (found: Pick<ExaminedSession, 'dcId' | 'name' | 'premium'>) => void,
): Promise<ExaminedSession> {
  const { log, server, signal } = options
  const circuits = createTelegramCircuits({ log, server, limits: undefined })
  const accounts = createAccounts({
    log,
    cipher: loadCipher({ native: true }),
    connect: createConnector(circuits, OPEN_MS),
    // A user's session needs no bot's key.
    secrets: { secret: async () => null, saveSecret: async () => {}, deleteSecret: async () => {} },
    serverKeyPem: options.serverKeyPem,
    server,
    idleMs: 1000,
    maxAccounts: 1,
    limits: DEFAULT_CONGESTION_LIMITS,
    retryPolicy: { ...DEFAULT_RETRY_POLICY, attempts: 2, totalMs: 60_000, outageMs: 0 },
  })
  const credentials = { ...options.credentials, userId: 'examined' }
  try {
    return await accounts.use(credentials, 'user', signal, async (account) => {
      const self = await readSelf(account, signal)
      onAccount(self)
      return { ...self, ...(await readChannel(account, credentials.channelId, signal)) }
    })
  } catch (error) {
    signal.throwIfAborted()
    throw toAppError(error)
  } finally {
    await accounts.close()
  }
}

/** Where a session's account lives. Throws TELEGRAM_SESSION_INVALID for what is no session. */
export function addressOfSession(text: string): { dcId: number; host: string; port: number } {
  const { dcId, address } = parseSession(text)
  return { dcId, ...address }
}

async function readSelf(
  account: Account,
  signal: AbortSignal,
): Promise<Pick<ExaminedSession, 'dcId' | 'name' | 'premium'>> {
  const { Api } = account.gramjs
  const request = new Api.users.GetUsers({ id: [new Api.InputUserSelf()] })
  const [user] = await account.call(request, { signal })
  const known = user instanceof Api.User ? user : null
  const { dcId } = account
  return { dcId, name: known?.firstName ?? '', premium: known?.premium === true }
}

async function readChannel(
  account: Account,
  channelId: string,
  signal: AbortSignal,
): Promise<Omit<ExaminedSession, 'dcId' | 'name' | 'premium'>> {
  const { gramjs } = account
  const { Api } = gramjs
  return createChannels().use(account, channelId, { signal }, async (channel) => {
    const request = new Api.channels.GetChannels({ id: [toInputChannel(gramjs, channel)] })
    const { chats } = await account.call(request, { signal })
    const found = chats.find((chat) => chat instanceof Api.Channel)
    const { creator, adminRights, megagroup } = found ?? {}
    // In a broadcast channel only its creator and administrators with this right post.
    const mayPost = creator === true || megagroup === true || adminRights?.postMessages === true
    return {
      channelTitle: found?.title ?? '',
      mayPost,
      // In a group no one has this right.
      mayEdit: creator === true || megagroup === true || adminRights?.editMessages === true,
      mayDelete: creator === true || adminRights?.deleteMessages === true,
    }
  })
}
