import { sleep } from '../../lib/sleep.ts'
import type { BotCall } from '../call.ts'
import { numberOf } from '../request/parameters.ts'

/** An answer is held back at most this long (TDLib's server bounds it so). */
const MAX_POLL_SECONDS = 50

/** There are never updates; a long poll stays open for its timeout. */
export async function getUpdates({ parameters, signal }: BotCall): Promise<unknown[]> {
  const seconds = Math.min(Math.max(numberOf(parameters, 'timeout'), 0), MAX_POLL_SECONDS)
  // The signal aborts when the client leaves; then no answer is needed.
  await sleep(seconds * 1000, signal).catch(() => {})
  return []
}

/** https://core.telegram.org/bots/api#webhookinfo, without a webhook. */
export const getWebhookInfo = (): Record<string, unknown> => ({
  url: '',
  has_custom_certificate: false,
  pending_update_count: 0,
})
