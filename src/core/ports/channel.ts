import type { Credentials } from './credentials.ts'

/** Which of a user's two accounts acts at Telegram. */
export type Actor = 'user' | 'bot'

/** One message of a channel, as an account sees it. Times are epoch milliseconds. */
export interface ChannelMessage {
  readonly messageId: number
  readonly postedAt: number
  /** When it was last edited; null where it never was. */
  readonly editedAt: number | null
  /** Its text or, beside a document, its caption: whole, whatever a person has made of it. */
  readonly text: string
  /** Whether it was forwarded: then its text is that of another post. */
  readonly forwarded: boolean
  /** The account that has posted it; null unless it is the one that reads. */
  readonly postedBy: Actor | null
  /** Null for texts, photos, and everything else that holds no document. */
  readonly document: MessageDocument | null
}

/** What Telegram itself says about a document. */
export interface MessageDocument {
  /** The same bytes for ever; decimal text. */
  readonly id: string
  readonly size: number
  readonly fileName: string | null
  readonly mimeType: string | null
  /** Whether Telegram has a small picture of it. */
  readonly thumbnail: boolean
}

/** A complete answer for a range of ids: what it lacks is not in the channel. */
export interface ChannelPage {
  /** The newest first; service messages are left out. */
  readonly messages: readonly ChannelMessage[]
  /** It is complete from this id on, up to what it was asked for. 1: there is nothing older. */
  readonly lowestId: number
  /** How many messages the channel has, where Telegram says it. */
  readonly total: number | null
}

/** What has changed in a channel since a `pts`. */
export type ChannelDifference =
  | {
      readonly kind: 'changes'
      /** Where this answer ends. */
      readonly pts: number
      /** False: more changes follow from that `pts` on. */
      readonly final: boolean
      /** New and edited messages, as they are now. */
      readonly messages: readonly ChannelMessage[]
      readonly deletedIds: readonly number[]
      /** Seconds after which Telegram wants to be asked again at the soonest, where it says so. */
      readonly timeout: number | null
    }
  /** Telegram no longer knows the changes since then: only a rescan helps. */
  | { readonly kind: 'too-long' }

/** One request to a channel. */
export interface ChannelCall {
  credentials: Credentials
  signal: AbortSignal
  /**
   * Seconds of a wait of Telegram's that the call sits out, 60 by default; for a longer one it
   * rejects with TELEGRAM_FLOOD_WAIT, whose `retryAfter` says how long.
   */
  patience?: number
  /** Called with the seconds that Telegram asks to wait. */
  onWait?: (seconds: number) => void
}

export interface MessageEdit {
  messageId: number
  /** The whole new caption or text. */
  text: string
  /** `caption`: the message has a document. */
  part: 'caption' | 'text'
  /** The account that has posted it, which tries first; null: not known. */
  postedBy: Actor | null
}

/** What is noted of a post before its first try, so that it is made once. Ids are those of one account. */
export interface PostNote {
  readonly actor: Actor
  /** A long, as decimal text; null where the account's way to Telegram knows none. */
  readonly randomId: string | null
  /** The channel's newest message before the first try; null where it cannot be seen. */
  readonly newestMessageId: number | null
  /** Tries whose outcome may be unknown. */
  readonly attempts: number
}

export interface PostJournal {
  load: () => Promise<PostNote | null>
  /** Resolves when the note survives the death of the process. */
  save: (note: PostNote) => Promise<void>
}

export interface NewPost {
  /**
   * The caption or the text. It has to be unlike that of every other post (core/model/caption.ts
   * gives each an id): by it the post is found after a lost answer.
   */
  text: string
  /** The message whose document is posted again; null: a text without a document. */
  copyOf: number | null
  journal: PostJournal
}

export interface NewMessage {
  readonly messageId: number
  readonly postedAt: number
  readonly postedBy: Actor
}

/**
 * A channel's messages at Telegram. All calls reject with an AppError, also with
 * TELEGRAM_FLOOD_WAIT, TELEGRAM_UNAVAILABLE, TELEGRAM_SESSION_INVALID, TELEGRAM_CHANNEL_NOT_FOUND,
 * TELEGRAM_FORBIDDEN and TELEGRAM_NOT_CONNECTED, or with the signal's reason. None of these says
 * that a message does not exist.
 *
 * To write, the account that has posted a message tries first. Where it may not, the other one of
 * the same user does; where neither may, the call is refused with the right that is missing.
 */
export interface ChannelGateway {
  /** The account that sees the channel's messages; null for a bot without an API id, which cannot. */
  reader: (credentials: Credentials) => Actor | null
  /**
   * The channel's `pts`, and an id above which it has no message at that `pts`. For a rescan, which
   * begins below `before`.
   */
  position: (call: ChannelCall) => Promise<{ pts: number; before: number }>
  /** Up to a hundred ids, or a hundred messages, below `before`: one request. */
  page: (call: ChannelCall, before: number) => Promise<ChannelPage>
  /** Those of the messages that exist, in no order; one request for each hundred ids. */
  messages: (call: ChannelCall, ids: readonly number[]) => Promise<ChannelMessage[]>
  /** One request. A `pts` that Telegram does not know is `too-long`. */
  difference: (call: ChannelCall, pts: number) => Promise<ChannelDifference>
  /**
   * Replaces a caption or a text; a message that says this already is a success. Resolves with the
   * time of the edit, null where Telegram does not tell it. Rejects with NOT_EDITABLE and
   * MESSAGE_NOT_FOUND.
   */
  edit: (call: ChannelCall, edit: MessageEdit) => Promise<{ editedAt: number | null }>
  /**
   * Deletes messages, a hundred in each request; those that do not exist count as deleted. Resolves
   * with the ids that no account of this user may delete. When it rejects, some may be deleted.
   */
  remove: (
    call: ChannelCall,
    ids: readonly number[],
    postedBy: Actor | null,
  ) => Promise<{ refusedIds: number[] }>
  /**
   * Posts without a notification and without a preview of links: exactly once by MTProto; by the
   * Bot API at most twice, when answers are lost. Rejects with MESSAGE_NOT_FOUND where the message
   * to copy is not there, or has no document.
   */
  post: (call: ChannelCall, post: NewPost) => Promise<NewMessage>
}
