import type { BotCall } from '../call.ts'
import { numberOf } from '../request/parameters.ts'

/** An answer is held back at most this long (TDLib's server bounds it so). */
const MAX_POLL_SECONDS = 50
const LIMIT_MAX = 100

/** https://core.telegram.org/bots/api#getupdates */
export function getUpdates({ bot, parameters, updates, signal }: BotCall): Promise<unknown[]> {
  const limit = numberOf(parameters, 'limit')
  const seconds = Math.min(Math.max(numberOf(parameters, 'timeout'), 0), MAX_POLL_SECONDS)
  return updates.get(bot, {
    offset: numberOf(parameters, 'offset'),
    limit: limit < 1 || limit > LIMIT_MAX ? LIMIT_MAX : limit,
    timeoutMs: seconds * 1000,
    signal,
  })
}

/** https://core.telegram.org/bots/api#webhookinfo, without a webhook. */
export const getWebhookInfo = (): Record<string, unknown> => ({
  url: '',
  has_custom_certificate: false,
  pending_update_count: 0,
})
