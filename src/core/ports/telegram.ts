import type { AppError } from '../../errors.ts'
import type { CircuitStatus } from '../ports/health.ts'
import type { LeaseName } from './cluster/leases.ts'
import type { Credentials } from './credentials.ts'
import type { PostedFile, PostKind, Road, TransferState } from './records.ts'

/** An upload's bytes as a transfer sees them, readable before the last chunk is here. */
export interface OutgoingFile {
  readonly uploadId: string
  readonly name: string
  readonly mimeType: string
  readonly size: number
  /** True once every byte is here and the file may be posted. */
  readonly sealed: boolean
  /** Whether all bytes from `offset` on, `length` of them, are acknowledged. */
  has: (offset: number, length: number) => boolean
  /** Fills `target` from `offset`; only for bytes that `has` says are here. */
  read: (offset: number, target: Uint8Array) => Promise<void>
}

/** What a transfer remembers; every `save` survives the death of the process. */
export interface TransferJournal {
  load: () => Promise<TransferState | null>
  /** Resolves when the state survives the death of the process. */
  save: (state: TransferState) => Promise<void>
  /** Whether Telegram has acknowledged this part. */
  hasPart: (part: number) => boolean
  /** Notes it, at most some seconds later: losing it only sends the part again. */
  addPart: (part: number) => void
  /** Telegram has lost this part. */
  removePart: (part: number) => void
  /** Forgets everything: the transfer starts over with a new file id. */
  reset: () => Promise<void>
}

export type TransferEvent =
  | { phase: 'connecting' }
  | { phase: 'resolving' }
  /** Bytes of the file that Telegram has accepted so far. */
  | { phase: 'sending'; acceptedBytes: number }
  /** Telegram asks to wait. */
  | { phase: 'waiting'; retryAfter: number }
  /** `verified`: the share of what is read back that has been, from 0 to 1. */
  | { phase: 'posting'; verified?: number }

export interface TransferRequest extends PostRule {
  credentials: Credentials
  file: OutgoingFile
  /**
   * What the file's message says, ASCII; the same at every try. For a sealed file; reads what was not
   * read before, and rejects as `file.read` does.
   */
  caption: () => Promise<string>
  /** The id and the kind in the caption, by which the message is found again. */
  captionId: string
  kind: PostKind
  journal: TransferJournal
  verification: Verification
  thumbnail: OutgoingThumbnail
  signal: AbortSignal
  onEvent: (event: TransferEvent) => void
}

/** A small picture that goes with a file. Whatever becomes of it, the file is posted. */
export interface OutgoingThumbnail {
  /** A JPEG; null: there is none, or it was refused. Does not reject. */
  load: () => Promise<Uint8Array | null>
  /** Called when Telegram has not taken it: the file goes without. */
  refused: (error: unknown) => void
}

/** How what Telegram has is compared with what was sent, before the file counts as posted. */
export interface Verification {
  /** The numbers of the blocks of 1 MiB to read back, other ones each time; none: nothing is. */
  blocks: () => readonly number[]
  /** Called when Telegram has other bytes. Throws the job's end, unless the file is to be sent again. */
  damaged: () => void
  /**
   * Called when a posted file could not be read back. Throws the error if that is to be tried again;
   * else the post counts as it is.
   */
  unread: (error: unknown) => void
}

/** A document in a channel, found by its message. Everything but `locator` is for callers. */
export interface RemoteDocument {
  /**
   * The document's id in Telegram, decimal text, or the Bot API's `file_unique_id`: the same bytes
   * for ever.
   */
  readonly id: string
  readonly size: number
  readonly fileName: string | null
  readonly mimeType: string | null
  /** The message's edit date, else its date; null where only the file is known. */
  readonly modifiedAt: number | null
  /**
   * The caption with which its message was posted; null for a forwarded message, whose caption is
   * another post's, and where messages cannot be seen.
   */
  readonly caption: string | null
  /** How its bytes come. */
  readonly road: Road
  /** The gateway's own: where and how to read it. */
  readonly locator: unknown
}

/** How a document may be posted. */
export interface PostRule {
  /**
   * By MTProto wherever these credentials can, and so never twice. False: as fast as may be, and when
   * the Bot API loses an answer perhaps twice.
   */
  exactlyOnce: boolean
}

/** What the roads of some credentials take, in bytes. */
export interface DocumentLimits {
  /** The largest file that goes as one document and can be read back. */
  documentBytes: number
  /** The largest volume of a file that goes as several. */
  volumeBytes: number
}

export interface TelegramGateway {
  /**
   * Which road a document takes (CONTRACT.md section 5).
   * Throws TELEGRAM_NOT_CONNECTED when no road can carry it, FILE_TOO_LARGE when Telegram cannot.
   */
  roadFor: (credentials: Credentials, size: number, rule?: PostRule) => Road
  /**
   * The lease of the account that carries the files of these credentials: the user's where there is one,
   * else the bot's; null where they are no good for any. It tells nothing of the keys.
   */
  leaseOf: (credentials: Credentials) => LeaseName | null
  /** How large a document may be. More is known once the account was used. */
  documentLimits: (credentials: Credentials) => DocumentLimits
  /** Whether parts of such a file may go before it is sealed: an MTProto road and more than 10 MB. */
  sendsEarly: (road: Road, size: number) => boolean
  /**
   * Throws TELEGRAM_UNAVAILABLE with `retryAfter` when the road of such a file is known to be shut
   * at this moment; for callers that would have to wait for the file's end.
   */
  assertReachable: (credentials: Credentials, size: number, rule?: PostRule) => void
  /**
   * Seconds for which Telegram has asked the account that would carry such a file to wait; 0 when it
   * may go now, or no road takes it. `size` is null where it is not known yet: the shortest wait of
   * all roads.
   */
  waitFor: (credentials: Credentials, size: number | null, rule?: PostRule) => number
  /** The same of every account that was used within the last hour: see `waitFor`. */
  waits: () => number[]
  /**
   * Sends every part whose bytes are here and that Telegram has not acknowledged; resolves when
   * none is left to send at this moment. Posts nothing. Only where `sendsEarly`.
   */
  sendAvailable: (request: TransferRequest) => Promise<void>
  /** For a sealed file: sends what is missing, posts it exactly once, and says where it is. */
  finish: (request: TransferRequest) => Promise<PostedFile>
  /**
   * As `finish`, of a file of less than 2 MB that is not read back, by whichever process has the account;
   * absent where this one has all of them.
   */
  postSmall?: (request: TransferRequest) => Promise<PostedFile>
  /**
   * Finds the document of a message. A bot without MTProto credentials cannot see messages and
   * takes the document of `fileId` instead, up to 20 MB (2000 MB on a local server); without a
   * fileId it rejects with INVALID_REQUEST. Rejects with MESSAGE_NOT_FOUND, FILE_TOO_LARGE,
   * TELEGRAM_NOT_CONNECTED and Telegram's own failures.
   */
  locate: (
    credentials: Credentials,
    messageId: number,
    signal: AbortSignal,
    fileId?: string,
  ) => Promise<RemoteDocument>
  /**
   * Finds the documents of messages anew, by their ids; those that hold none are left out. One request
   * for each hundred ids. Only where messages can be seen: rejects with TELEGRAM_NOT_CONNECTED for a
   * bot without MTProto credentials.
   */
  locateAll: (
    credentials: Credentials,
    messageIds: readonly number[],
    signal: AbortSignal,
  ) => Promise<Map<number, RemoteDocument>>
  /**
   * One request to Telegram: the bytes from `offset`, `length` of them or less at the end of the
   * file. Both multiples of 4 KiB (the last may pass the end), all inside one 1 MiB block.
   * Retries, refreshes file references and follows migrations by itself.
   */
  readBlock: (
    document: RemoteDocument,
    block: { offset: number; length: number },
    signal: AbortSignal,
  ) => Promise<Uint8Array>
  /**
   * The largest JPEG of a document that Telegram keeps beside it, of at most 320 pixels; null: there
   * is none. One request at the most. For a bot without MTProto credentials the document is the
   * thumbnail itself, located by the thumbnail's `fileId`. Waits of Telegram's that take longer than some seconds reject
   * with TELEGRAM_FLOOD_WAIT.
   */
  readThumbnail: (document: RemoteDocument, signal: AbortSignal) => Promise<Uint8Array | null>
  /**
   * Takes back what `readBlock` answered, whole, for later answers: called once, when nothing reads
   * it any more. A block that is never given back is only garbage.
   */
  reuse?: (block: Uint8Array) => void
  /**
   * The circuit breakers before what has been used of Telegram, by name, and which of them an
   * account needs for anything at all. Calls whose circuit is open reject at once with
   * TELEGRAM_UNAVAILABLE and `peerDown`; `readBlock` waits for a while first.
   */
  circuits: () => { all: Record<string, CircuitStatus>; vital: string[] }
  /** Requests in flight that data centres are trusted with now, by their names, all accounts added. */
  windows: () => Record<string, number>
  /** Disconnects everything. Running calls reject with SHUTTING_DOWN. */
  close: () => Promise<void>
}

/** The one place that says whether this process may be connected to Telegram. */
export interface TelegramGate {
  /** From now on calls of the gateway reach Telegram; those that waited go on. */
  open: () => void
  /**
   * Disconnects. Calls that run or come reject with `reason` until the gate is opened again.
   * Resolves when no connection is left.
   */
  leave: (reason: AppError) => Promise<void>
}
