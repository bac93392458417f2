import { MiB } from './lib/units.ts'

/** Settings that may change while the emulator runs; everything else follows Telegram's rules. */
export interface EmulatorSettings {
  /** Milliseconds by which every answer is late; calls overlap, so it is a round trip, not a rate. */
  latencyMs: number
  /** Bytes per second both ways on each connection; null: no limit. */
  bandwidthPerConnection: number | null
  /** Cuts every connection this often; null: never. */
  cutConnectionsEveryMs: number | null
  /** How long a file reference opens a document. */
  fileReferenceTtlMs: number
  /**
   * How many counts of pts a channel's log of changes reaches back; for older ones
   * `updates.getChannelDifference` answers channelDifferenceTooLong
   * (https://core.telegram.org/constructor/updates.channelDifferenceTooLong names 100000).
   */
  changeLogLength: number
  /** Whether changes of channels are pushed to the clients that want updates. */
  pushUpdates: boolean
  /** How long parts wait for a message (Telegram: "several minutes" to "several hours"). */
  partsTtlMs: number
  /**
   * Characters that are kept of a document's name. Telegram does not document the number; users
   * have counted 60 to 64, and more from some clients
   * (https://github.com/tginfo/Telegram-Limits/issues/154, https://github.com/tdlib/td/issues/1944).
   */
  documentNameLength: number
  /** The answer to a second message under one random_id. */
  repeatedRandomId: 'error' | 'old-updates'
  /** Whether `upload.getFile` with cdn_supported is sent to the CDN. */
  serveByCdn: boolean
  /** Where new documents are kept. */
  documentsDcId: number
  /**
   * Enforces Telegram's rules to the letter: on a main address one connection per key, for calls of
   * any kind, and initConnection at the start of each session. Some stock clients do not comply.
   */
  strictSessions: boolean
  /** How close together two connections' calls must be to count as parallel. */
  duplicateWindowMs: number
  /** The answer to later connections under a key that AUTH_KEY_DUPLICATED killed: 401, or transport error -404. */
  duplicatedKey: 'unregistered' | 'forgotten'
  /** The place, among the DC's options, of a media-only address on which no program listens. */
  deadMediaAddress: 'none' | 'first' | 'last'
  /** Whether `help.getConfig` names media-only addresses at all. */
  mediaAddresses: boolean
  /** The Bot API server runs as with --local: 2000 MB both ways, absolute paths. */
  botApiLocal: boolean
  botApiUploadLimit: number
  botApiDownloadLimit: number
  /** `upload_max_fileparts_default` and `_premium` of help.getAppConfig. */
  maxParts: number
  maxPartsPremium: number
  /** Logins of one bot; above it FLOOD_WAIT. This limit and those below are off when null. */
  loginsPerHour: number | null
  /** Messages of one account, to all chats; above it FLOOD_WAIT, and 429 of the Bot API. */
  postsPerSecond: number | null
  /** Messages of one account to one chat. */
  postsPerSecondPerChat: number | null
  postsPerMinutePerChat: number | null
  /** Uploaded parts without an answer yet; above it FLOOD_PREMIUM_WAIT, or FLOOD_WAIT for premium accounts. */
  partsInFlightPerConnection: number | null
  partsInFlightPerAccount: number | null
  /** The seconds that too many parts have to wait. */
  partsWaitSeconds: number
}

/**
 * Limits like Telegram's own. Those of posts are documented
 * (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this); the others are
 * guesses, because Telegram does not publish them.
 */
export const TELEGRAM_LIMITS = {
  loginsPerHour: 20,
  postsPerSecond: 30,
  postsPerSecondPerChat: 1,
  postsPerMinutePerChat: 20,
  partsInFlightPerConnection: 8,
  partsInFlightPerAccount: 16,
  partsWaitSeconds: 3,
} satisfies Partial<EmulatorSettings>

export const DEFAULT_SETTINGS: EmulatorSettings = {
  latencyMs: 0,
  bandwidthPerConnection: null,
  cutConnectionsEveryMs: null,
  fileReferenceTtlMs: 3_600_000,
  changeLogLength: 100_000,
  pushUpdates: true,
  partsTtlMs: 3_600_000,
  documentNameLength: 1024,
  repeatedRandomId: 'error',
  serveByCdn: false,
  documentsDcId: 2,
  strictSessions: false,
  duplicateWindowMs: 5000,
  duplicatedKey: 'unregistered',
  deadMediaAddress: 'last',
  mediaAddresses: true,
  botApiLocal: false,
  botApiUploadLimit: 50 * MiB,
  botApiDownloadLimit: 20 * MiB,
  maxParts: 4000,
  maxPartsPremium: 8000,
  loginsPerHour: null,
  postsPerSecond: null,
  postsPerSecondPerChat: null,
  postsPerMinutePerChat: null,
  partsInFlightPerConnection: null,
  partsInFlightPerAccount: null,
  partsWaitSeconds: 3,
}
