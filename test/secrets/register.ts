import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Emulator } from 'telegram-emulator'
import type { Config } from '../../src/config/config.ts'
import { registerBotToken, registerSecret, registerSession } from './trace.ts'

type Account = Emulator['account']

/** Everything that a worker with this configuration must keep to itself; its folder is open by now. */
export function registerWorker(config: Config): void {
  const { mode, dataDir, ledgerKey, webhookSecret } = config
  registerSecret('data path', resolve(dataDir))
  registerSecret('LEDGER_KEY', ledgerKey)
  registerSecret('WEBHOOK_SECRET', webhookSecret)
  const keyFile = join(dataDir, 'ledger.key')
  if (existsSync(keyFile)) registerSecret('ledger key', readFileSync(keyFile, 'utf8').trim())
  if (mode.kind !== 'standalone') return
  for (const token of mode.tokens) registerSecret('login token', token)
  const { botToken, session, apiHash } = mode.credentials
  registerBotToken(botToken)
  registerSession(session)
  registerSecret('api hash', apiHash)
}

/** The same for a worker in a process of its own. */
export function registerEnvironment(env: Readonly<Record<string, string>>): void {
  registerSecret('data path', env.DATA_DIR && resolve(env.DATA_DIR))
  registerSecret('LEDGER_KEY', env.LEDGER_KEY)
  registerSecret('WEBHOOK_SECRET', env.WEBHOOK_SECRET)
  for (const token of env.AUTH_TOKENS?.split(',') ?? []) registerSecret('login token', token)
  registerBotToken(env.TELEGRAM_BOT_TOKEN)
  registerSession(env.TELEGRAM_SESSION)
  registerSecret('api hash', env.TELEGRAM_API_HASH)
}

/** The secrets of an account at Telegram. */
export function registerAccount(account: Account): Account {
  registerSession(account.session)
  registerSession(account.telethonSession)
  registerBotToken(account.botToken)
  registerSecret('api hash', account.apiHash)
  return account
}

/** The secrets in what the backend tells a worker. */
export function registerAnswer<T extends object>(answer: T): T {
  const textOf = (name: string): string | null => {
    const value: unknown = Reflect.get(answer, name)
    return typeof value === 'string' ? value : null
  }
  registerBotToken(textOf('bot_token'))
  registerSession(textOf('telegram_session'))
  registerSecret('api hash', textOf('telegram_api_hash'))
  return answer
}
