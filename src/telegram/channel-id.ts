import { channelNotFound } from './errors.ts'

/** A marked channel id is -(10^12 + bare id): core.telegram.org/api/bots/ids. */
const CHANNEL_MARK = 10n ** 12n

/** Marked ids below this name a basic group or a user. */
const MAX_BARE_ID = 997_852_516_352n

/**
 * The bare id, decimal text, of a marked or bare channel id.
 * Throws TELEGRAM_CHANNEL_NOT_FOUND for everything else: the ids of basic groups (negative and
 * small) look like users' mistakes, and they hold no channel.
 */
export function bareChannelId(text: string): string {
  const trimmed = text.trim()
  if (!/^-?\d{1,19}$/.test(trimmed)) throw channelNotFound()
  const id = BigInt(trimmed)
  const bare = id < 0n ? -id - CHANNEL_MARK : id
  if (bare < 1n || bare > MAX_BARE_ID) throw channelNotFound()
  return bare.toString()
}
