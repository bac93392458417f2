import type { Telegram } from '../context.ts'
import type { Account } from '../store/accounts.ts'
import type { BotParameters } from './request/request.ts'
import type { BotUpdates } from './updates.ts'

/** One call of a method by a bot. */
export interface BotCall {
  telegram: Telegram
  bot: Account
  parameters: BotParameters
  updates: BotUpdates
  /** Aborts when the client has left. */
  signal: AbortSignal
}

/** Returns the `result` of the answer. */
export type BotMethod = (call: BotCall) => unknown
