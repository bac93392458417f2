/**
 * The options of `startTelegram` and what it returns. This file and those that it imports need no
 * types of Node, so that every TypeScript project can compile against them.
 */
import type { CountersSnapshot } from './faults/counters.ts'
import type { Faults } from './faults/faults.ts'
import type { EmulatorSettings } from './settings.ts'
import type { ListenerRole } from './types.ts'

export interface EmulatorOptions {
  /**
   * Keeps everything that the emulated Telegram knows; the same folder brings it back. Without it,
   * a temporary folder that is removed by `close`.
   */
  dataDir?: string | undefined
  /**
   * Keeps blocks of up to 512 KB that documents and parts share, instead of a file for each document:
   * bytes that come again take no room. A folder stays what it was when it was made.
   */
  deduplicate?: boolean | undefined
  settings?: Partial<EmulatorSettings> | undefined
  /** The address to listen on; 127.0.0.1 by default. */
  host?: string | undefined
  /** The first of five MTProto ports in a row; without it, those of last time or any free ones. */
  basePort?: number | undefined
  /** Called for each line of the emulator's log. */
  log?: ((line: string) => void) | undefined
  /** Makes an RSA key, as PEM. Tests that start many Telegrams let them share one. */
  makeKey?: (() => string) | undefined
}

/** A running Telegram. */
export interface Emulator {
  /** `mediaPort` is the media-only address of the same data centre. */
  mtproto: { host: string; port: number; mediaPort: number; dcId: number; publicKeyPem: string }
  botApi: { root: string }
  control: { root: string }
  /** Every open MTProto address, as in the answer of help.getConfig. */
  addresses: readonly Address[]
  /** The account labelled `main`. */
  account: EmulatedAccount
  createAccount: (options: CreateAccountOptions) => EmulatedAccount
  faults: Omit<Faults, 'match'> & ScriptedActions
  settings: {
    read: () => EmulatorSettings
    /** Returns all settings after the change. */
    change: (settings: Partial<EmulatorSettings>) => EmulatorSettings
  }
  counters: { read: () => CountersSnapshot; reset: () => void }
  /** The files of a channel, oldest first. */
  messages: (channelId: string) => Promise<ListedMessage[]>
  close: () => Promise<void>
}

/** An open address of the emulated Telegram. */
export interface Address extends ListenerRole {
  host: string
  port: number
  cdn: boolean
}

export interface CreateAccountOptions {
  /** Names the account; the same label finds it again. */
  label: string
  /** Whether the user gets a session; true by default. */
  withUser?: boolean | undefined
  /** Whether there is a bot that may post in the channel; true by default. */
  withBot?: boolean | undefined
  premium?: boolean | undefined
  /** Hides the channel behind other chats of its folder, on pages of a hundred. */
  channelPosition?: { dialogsBefore: number; archived: boolean } | undefined
  /** Makes another session of an account that is known already. */
  freshSession?: boolean | undefined
}

/** The values that a client needs to log in as this account. */
export interface EmulatedAccount {
  label: string
  apiId: number
  apiHash: string
  /** gramjs' string session; null without a user session. */
  session: string | null
  /** The same for Telethon. */
  telethonSession: string | null
  authKeyId: string | null
  userId: number
  botToken: string | null
  botId: number | null
  /** Marked, as the Bot API writes it: `-100…`. */
  channelId: string
}

/** A posted file, as tests see it. */
export interface ListedMessage {
  id: number
  date: number
  fromId: number
  caption: string
  /** Whether it was posted without a notification. */
  silent: boolean
  randomId: string | null
  documentId: string
  fileName: string
  mimeType: string
  size: number
  sha256: string
}

export type ChannelRole = 'creator' | 'admin' | 'member'

/** To post, which includes changing one's own posts; to edit, and to delete, what others have posted. */
export type AdminRight = 'post' | 'edit' | 'delete'

/** Things that a test can make the emulated Telegram do, besides fault rules. */
export interface ScriptedActions {
  /** Ends every file reference given out so far. */
  expireFileReferences: () => void
  /** Loses parts of a file_id (all of them without `parts`); returns the number of parts lost. */
  loseParts: (fileId: string, parts?: readonly number[]) => Promise<number>
  /** `unregister`: later calls get 401 AUTH_KEY_UNREGISTERED; `forget`: transport error -404. */
  revokeKey: (authKeyId: string, how: 'unregister' | 'forget') => void
  forgetRandomIds: () => void
  /** Cuts every connection that has sent a message; returns their number. */
  cutConnections: () => number
  /** Moves one document, or all of them, to another data centre. */
  migrateDocuments: (dcId: number, documentId?: string) => void
  /**
   * Makes an account admin, member or nothing (null) of a channel, named by its marked id. `without`:
   * the rights that an admin lacks.
   */
  setRole: (change: {
    channelId: string
    accountId: number
    role: ChannelRole | null
    without?: readonly AdminRight[] | undefined
  }) => void
}
