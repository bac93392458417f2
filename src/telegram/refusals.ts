import type { ErrorCode } from '../errors.ts'

/**
 * Telegram's refusals that a user can meet, by the names of
 * https://core.telegram.org/api/errors and of the `errors` of each method that the worker calls:
 * what callers are told, and what they can do about it. The Bot API passes the same names on in its
 * descriptions. Names that only the worker itself could cause (a part of the wrong length) are not
 * here: they are bugs, and `sentenceForUnknown` shows their name.
 */
export interface Refusal {
  code: ErrorCode
  sentence: string
}

const forbidden = (sentence: string): Refusal => ({ code: 'TELEGRAM_FORBIDDEN', sentence })
const signIn = (sentence: string): Refusal => ({ code: 'TELEGRAM_SESSION_INVALID', sentence })
const rejected = (sentence: string): Refusal => ({ code: 'TELEGRAM_REJECTED', sentence })

const FROZEN = forbidden(
  'Telegram has frozen this account. Open Telegram to see why and to appeal, or use another account',
)
const NO_FILES = forbidden(
  'The channel does not allow files. Allow them in its permissions, or choose another channel',
)
const TOO_LARGE: Refusal = {
  code: 'FILE_TOO_LARGE',
  sentence: 'Telegram does not take files of this size',
}
const NO_MESSAGE: Refusal = {
  code: 'MESSAGE_NOT_FOUND',
  sentence: 'The channel has no such message',
}
const NOT_A_MEMBER = forbidden(
  'This Telegram account can no longer see the channel. Add it to the channel again',
)
const NOT_AN_ADMINISTRATOR = forbidden(
  'Posting in the channel takes an administrator. Make this Telegram account one',
)
const LIMITED = forbidden(
  'Telegram has limited this account because it sent too much. Ask @SpamBot on Telegram until when',
)
const OLD_WORKER = rejected(
  'Telegram no longer accepts the version of its protocol that this worker speaks. Update the worker',
)
const API_ID = signIn('Telegram does not accept the API id. Check it in settings')
const ACCOUNT_GONE = signIn(
  'Telegram has closed this account. Sign in to Telegram with another one in settings',
)
const NOT_A_CHANNEL = {
  code: 'TELEGRAM_CHANNEL_NOT_FOUND',
  sentence: 'The channel ID names something that is no channel. Check it in settings',
} as const satisfies Refusal

const BY_NAME: Readonly<Record<string, Refusal>> = {
  AUTH_KEY_DUPLICATED: {
    code: 'TELEGRAM_SESSION_DUPLICATED',
    sentence:
      'Telegram has ended this session because it was used in two places at once. Sign in to Telegram again in settings',
  },
  SESSION_PASSWORD_NEEDED: signIn(
    'Telegram wants the password of this account. Sign in to Telegram again in settings',
  ),
  INPUT_USER_DEACTIVATED: ACCOUNT_GONE,
  PHONE_NUMBER_BANNED: ACCOUNT_GONE,
  FROZEN_METHOD_INVALID: FROZEN,
  FROZEN_PARTICIPANT_MISSING: FROZEN,
  PEER_FLOOD: LIMITED,
  USER_RESTRICTED: LIMITED,
  USER_BANNED_IN_CHANNEL: forbidden(
    'Telegram does not let this account post in channels. Ask @SpamBot on Telegram why',
  ),
  PREMIUM_ACCOUNT_REQUIRED: forbidden(
    'Telegram allows this only to accounts with Telegram Premium',
  ),
  PRIVACY_PREMIUM_REQUIRED: forbidden(
    'Telegram allows posting there only to accounts with Telegram Premium. Choose another channel',
  ),

  CHANNEL_PRIVATE: NOT_A_MEMBER,
  CHANNEL_PUBLIC_GROUP_NA: NOT_A_MEMBER,
  USER_NOT_PARTICIPANT: NOT_A_MEMBER,
  CHAT_GUEST_SEND_FORBIDDEN: NOT_A_MEMBER,
  INVITE_HASH_EXPIRED: NOT_A_MEMBER,
  CHAT_WRITE_FORBIDDEN: forbidden(
    'This Telegram account may not post in the channel. Make it an administrator who may post messages',
  ),
  CHAT_ADMIN_REQUIRED: NOT_AN_ADMINISTRATOR,
  CHAT_ADMIN_INVITE_REQUIRED: NOT_AN_ADMINISTRATOR,
  RIGHT_FORBIDDEN: NOT_AN_ADMINISTRATOR,
  CHAT_RESTRICTED: forbidden(
    'Telegram has restricted this channel. Choose another one in settings',
  ),
  CHAT_FORBIDDEN: forbidden('Telegram has closed this channel to the account. Choose another one'),
  CHAT_SEND_MEDIA_FORBIDDEN: NO_FILES,
  CHAT_SEND_DOCS_FORBIDDEN: NO_FILES,
  TOPIC_CLOSED: forbidden('The topic is closed. Open it in Telegram, or choose another channel'),
  TOPIC_DELETED: forbidden('The topic was deleted. Choose another channel in settings'),
  SEND_AS_PEER_INVALID: forbidden(
    'This Telegram account may not post in the name of the channel. Change its rights',
  ),
  YOU_BLOCKED_USER: forbidden('This Telegram account has blocked the receiver. Unblock it first'),
  USER_IS_BLOCKED: forbidden('The receiver has blocked this Telegram account'),

  PEER_ID_NOT_SUPPORTED: NOT_A_CHANNEL,
  CHANNEL_MONOFORUM_UNSUPPORTED: NOT_A_CHANNEL,
  USER_ID_INVALID: NOT_A_CHANNEL,

  ACCESS_TOKEN_INVALID: signIn('Telegram does not know the bot token. Check it in settings'),
  ACCESS_TOKEN_EXPIRED: signIn('The bot token has expired. Put the new one in settings'),
  BOT_TOKEN_INVALID: signIn('Telegram does not know the bot token. Check it in settings'),
  API_ID_INVALID: API_ID,
  API_ID_PUBLISHED_FLOOD: signIn(
    'Telegram has blocked this API id because many use it. Get one of your own at my.telegram.org and put it in settings',
  ),
  CONNECTION_API_ID_INVALID: API_ID,
  CONNECTION_LAYER_INVALID: OLD_WORKER,
  INPUT_LAYER_INVALID: OLD_WORKER,
  UPDATE_APP_TO_LOGIN: OLD_WORKER,
  BOT_METHOD_INVALID: forbidden(
    'Telegram does not let bots do this. Sign in as a user in settings',
  ),

  FILE_PARTS_INVALID: TOO_LARGE,
  FILE_PART_TOO_BIG: TOO_LARGE,
  FILE_PART_INVALID: TOO_LARGE,
  FILE_TITLE_EMPTY: rejected('Telegram takes no file without a name. Rename it and add it again'),
  FILE_CONTENT_TYPE_INVALID: rejected(
    'Telegram does not take the type of this file. Add it again with another ending',
  ),
  MEDIA_CAPTION_TOO_LONG: rejected('The caption is too long for Telegram'),
  MEDIA_EMPTY: rejected('Telegram does not accept this file. Add it again'),
  MEDIA_INVALID: rejected('Telegram does not accept this file. Add it again'),
  MSG_ID_INVALID: NO_MESSAGE,
  MESSAGE_ID_INVALID: NO_MESSAGE,
  MESSAGE_IDS_EMPTY: NO_MESSAGE,
  CHANNEL_TOO_LARGE: rejected('The channel is full. Choose another one in settings'),
}

const BY_PATTERN: readonly [RegExp, (argument: string) => Refusal][] = [
  [
    /^ALLOW_PAYMENT_REQUIRED_(\d+)$/,
    (stars) =>
      forbidden(
        `Posting there costs ${stars} Telegram Stars, which the worker does not pay. Choose another channel`,
      ),
  ],
  [
    /^(?:ALLOW_)?PAYMENT_REQUIRED$/,
    () =>
      forbidden(
        'Posting there costs Telegram Stars, which the worker does not pay. Choose another channel',
      ),
  ],
  // One name for each kind of content; files are sent as documents, whatever they hold.
  [/^CHAT_SEND_([A-Z]+)_FORBIDDEN$/, () => NO_FILES],
  [/^FROZEN_([A-Z_]+)$/, () => FROZEN],
]

/** Returns what callers are told of a refusal, or null where the name is not known. */
export function refusalNamed(name: string): Refusal | null {
  if (Object.hasOwn(BY_NAME, name)) return BY_NAME[name] ?? null
  for (const [pattern, toRefusal] of BY_PATTERN) {
    const match = pattern.exec(name)
    if (match) return toRefusal(match[1] ?? '')
  }
  return null
}

/** The names in a description of the Bot API, such as `Bad Request: CHAT_SEND_DOCS_FORBIDDEN`. */
export function namesIn(description: string): string[] {
  return description.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? []
}

/** A sentence that quotes Telegram: a name that no table here knows helps when it is reported. */
export function sentenceForUnknown(said: string): string {
  return `Telegram refused this with "${said}". Try again; if it stays, report these words`
}
