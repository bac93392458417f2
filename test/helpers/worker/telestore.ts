import type { Emulator } from 'telegram-emulator'
import type { PeerLimits } from '../../../src/probes.ts'
import { registerSecret } from '../../secrets/trace.ts'
import {
  downloadAnswer,
  type FakeBackend,
  loginAnswer,
  startBackend,
} from '../peers/fake-backend.ts'
import { startTelegram } from '../peers/telegram.ts'
import { startWorker, type TestWorker } from './app.ts'

type Account = Emulator['account']

export interface TeleStore extends TestWorker {
  telegram: Emulator
  backend: FakeBackend
  /** Makes the account known to the backend: its login token, and its download token `link-<login>`. */
  addUser: (token: string, account: Account, changes?: object) => void
}

export interface TeleStoreOptions {
  env?: Record<string, string>
  telegram?: Emulator
  backend?: FakeBackend
  dataDir?: string
  peers?: PeerLimits
}

/** The whole system on loopback: an emulated Telegram, a backend, and a real worker between them. */
export async function startTeleStore(options: TeleStoreOptions = {}): Promise<TeleStore> {
  const telegram = options.telegram ?? (await startTelegram())
  const backend = options.backend ?? (await startBackend())
  const { dataDir, peers } = options
  const worker = await startWorker({
    env: { ...telegramEnv(telegram), BACKEND_URL: backend.url, ...options.env },
    ...(dataDir !== undefined && { dataDir }),
    ...(peers !== undefined && { peers }),
  })

  function addUser(token: string, account: Account, changes: object = {}): void {
    registerSecret('login token', token)
    registerSecret('download token', `link-${token}`)
    const telegramFields = {
      channel_id: account.channelId,
      telegram_session: account.telethonSession,
      telegram_api_id: String(account.apiId),
      telegram_api_hash: account.apiHash,
      ...changes,
    }
    const login = { bot_token: account.botToken, ...telegramFields }
    backend.logins.set(token, loginAnswer(account.label, login))
    backend.downloads.set(`link-${token}`, downloadAnswer(account.label, telegramFields))
  }

  addUser('main', telegram.account)
  return { ...worker, telegram, backend, addUser }
}

/** What tells a worker where that Telegram is. */
export function telegramEnv(telegram: Emulator): Record<string, string> {
  const { dcId, host, port, publicKeyPem } = telegram.mtproto
  return {
    TELEGRAM_BOT_API_ROOT: telegram.botApi.root,
    TELEGRAM_SERVER_KEY: publicKeyPem,
    TELEGRAM_SERVER: `${dcId}@${host}:${port}`,
  }
}
