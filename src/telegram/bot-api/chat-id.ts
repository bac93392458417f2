import { AppError } from '../../errors.ts'

const CHANNEL_BASE = 1_000_000_000_000n

/**
 * The Bot API's `chat_id` of a channel. A bare id is marked by arithmetic, never by gluing `-100`
 * before it; ids that are marked already and `@names` stay as they are.
 * Throws TELEGRAM_CHANNEL_NOT_FOUND for anything else.
 */
export function toChatId(channelId: string): string {
  const text = channelId.trim()
  if (/^-\d+$/.test(text) || /^@\w+$/.test(text)) return text
  if (/^\d+$/.test(text)) return String(-CHANNEL_BASE - BigInt(text))
  throw new AppError('TELEGRAM_CHANNEL_NOT_FOUND', 'Could not resolve channel ID')
}
