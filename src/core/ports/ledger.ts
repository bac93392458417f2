import type { ArchiveRecords } from './archives.ts'
import type { Catalogue, FileRow, LibraryKey } from './catalogue.ts'
import type { LibraryJobRecords, NewLibraryJob } from './library-jobs.ts'
import type {
  ChunkRecord,
  Digests,
  FinishedFile,
  JoinedUpload,
  StreamRecord,
  TransferState,
  Upload,
  WebhookEvent,
  WebhookPayload,
} from './records.ts'
import type { ShareRecords } from './shares.ts'
import type { SpoolUpload } from './spool.ts'
import type { VolumeRecords } from './volumes.ts'

/**
 * The durable memory of the worker. When a call has resolved, its effect survives the death of the
 * process (losing power may lose the last moments). Each call is one transaction: it happens whole
 * or not at all, and no other call sees half of it. A call that begins after another has resolved
 * sees its effect; of two calls that are made without waiting, either may take effect first.
 * Nothing is validated here.
 *
 * No call throws: it rejects, with SPOOL_FULL or SPOOL_FAILED where rows cannot be written now.
 * Between two calls anything may happen: what has to be decided together is one call, such as
 * `openUpload` and `sealUpload`. Times are given by the caller, by the worker's clock, and the
 * ledger never compares them with a clock of its own.
 */
export interface Ledger extends TicketRecords, ShareRecords, StreamRecords, VolumeRecords {
  /**
   * Opens an upload if its owner's share and the spool have room for it: the look and the row are
   * one step, so two that open at once cannot both get the last place. The token is kept encrypted
   * until the upload ends.
   */
  openUpload: (opening: Opening) => Promise<Opened>
  findUpload: (id: string) => Promise<Upload | null>
  /** Unfinished ones first, of each kind the newest first; without the parts of others. */
  uploadsOf: (owner: string, limit: number) => Promise<ListedUpload[]>
  uploadsInState: (state: 'receiving' | 'sealed') => Promise<Upload[]>
  countInState: (state: 'receiving' | 'sealed') => Promise<number>
  /** The token of an unfinished upload, or null when it was erased or cannot be decrypted. */
  uploadToken: (id: string) => Promise<string | null>
  /** Keeps the newest token of the same owner, so that a restarted job uses one that still lives. */
  saveUploadToken: (id: string, token: string) => Promise<void>
  /**
   * Writes the chunk and what comes with it while the upload receives; else it writes nothing. A
   * chunk that is there already stays, and is accepted again only with the same bytes.
   */
  acceptChunk: (uploadId: string, chunk: ChunkRecord, change: ChunkChange) => Promise<AcceptedChunk>
  /** An upload and one of its chunks, as they are at one moment; null without such an upload. */
  findChunk: (uploadId: string, index: number) => Promise<FoundChunk | null>
  chunks: (uploadId: string) => Promise<ChunkRecord[]>
  /**
   * Forgets a chunk whose bytes were lost while its upload receives, so that its sender is asked for it
   * again. False where that does not, or its id was opened again.
   */
  loseChunk: (upload: SpoolUpload, index: number) => Promise<boolean>
  touchUpload: (id: string, now: number) => Promise<void>
  /** Seals an upload that receives and has all its chunks: the look and the row are one step. */
  sealUpload: (id: string, now: number) => Promise<Sealing>
  /**
   * Ends an unfinished upload: writes the result, the outbox row (if any), the file's row in its
   * library, the receipt of its document and the job that deletes what it replaces (if any), erases
   * token and transfer state.
   */
  completeUpload: (id: string, completion: Completion) => Promise<Ending>
  /**
   * Ends an unfinished upload: writes the failure, and what is left of it in its channel; erases token,
   * transfer state and chunk rows.
   */
  failUpload: (id: string, failure: Failure) => Promise<Ending>
  /**
   * Keeps how far an unfinished upload is, so that a restart does not turn its progress back. What
   * is lower than what is kept is not written. Resolves with what is kept then; null: the upload is gone or
   * has ended.
   */
  savePercent: (id: string, percent: number) => Promise<number | null>
  /** Keeps in which folder the file is posted: every try says the same. */
  saveUploadFolder: (id: string, folderId: string) => Promise<void>
  /**
   * Ends an upload that is unfinished or has failed as a cancelled one: writes and erases what
   * `failUpload` does, and erases a stream's words as well. Then forgets the oldest cancelled ones beyond `keep`: of
   * this owner, and in all those of the owner with most.
   */
  cancelUpload: (id: string, cancelled: Cancelled, keep: KeptCancellations) => Promise<Ending>
  /**
   * Removes the upload and all that belongs to it, outbox rows and what is left of it in its channel
   * excepted. Resolves with the upload as it was, or null when there was none.
   */
  deleteUpload: (id: string) => Promise<Upload | null>
  /**
   * The same for an upload that receives, while its touchedAt is still the one that the caller has
   * seen: the one that makes progress meanwhile stays, and the call resolves with null.
   */
  expireUpload: (id: string, touchedAt: number) => Promise<Upload | null>
  /** What unfinished uploads have reserved. */
  reservations: () => Promise<Reservations>
  /** Those that receive and have no chunk, except of empty files. A stream's first chunk may be partial. */
  chunklessUploads: () => Promise<Upload[]>

  /**
   * A transfer carries one document: the upload's only one or its manifest, or the volume of this
   * number, from 1 on.
   */
  transfer: (uploadId: string, volume?: number) => Promise<TransferState | null>
  saveTransfer: (uploadId: string, state: TransferState, volume?: number) => Promise<void>
  /** Forgets the transfer and its parts. */
  deleteTransfer: (uploadId: string, volume?: number) => Promise<void>
  /** Forgets all transfers of the upload and their parts. */
  deleteTransfers: (uploadId: string) => Promise<void>
  /** The JPEG that goes with the file, until the upload ends; null: none was kept. */
  uploadThumbnail: (uploadId: string) => Promise<Uint8Array | null>
  /**
   * Keeps a JPEG in place of the one before. `closed`: the upload does not receive any more, or there
   * is none. `full`: too many others have one.
   */
  saveUploadThumbnail: (uploadId: string, jpeg: Uint8Array) => Promise<'saved' | 'closed' | 'full'>
  /** One bit per acknowledged part, lowest bit of the first byte first; empty when unknown. */
  acknowledgedParts: (uploadId: string, volume?: number) => Promise<Uint8Array>
  saveAcknowledgedParts: (uploadId: string, bitmap: Uint8Array, volume?: number) => Promise<void>

  /**
   * The digests of a document of this id, decimal text, and size, as they were made while its bytes
   * were sent, or read whole; null where this ledger does not know them. What a caption claims is not
   * among them.
   */
  receiptOf: (documentId: string, size: number) => Promise<Digests | null>
  /** Keeps the digests of a document whose bytes have been read whole; those that are known stay. */
  keepReceipt: (documentId: string, size: number, digests: Digests) => Promise<void>

  /**
   * Webhooks due at `now`, oldest first. Of a ledger that nodes share they are the caller's until
   * `until`: no other caller gets them before. Without `until` it is only a look.
   */
  dueWebhooks: (now: number, limit: number, until?: number) => Promise<WebhookEvent[]>
  /** Gives up one that was the caller's: it is due at `now` for all. */
  releaseWebhook: (id: string, now: number) => Promise<void>
  /** When the next webhook is due, or null. */
  nextWebhookAt: () => Promise<number | null>
  postponeWebhook: (id: string, dueAt: number) => Promise<void>
  deleteWebhook: (id: string) => Promise<void>

  /** A secret kept encrypted under a name (a bot's own auth key), or null. */
  secret: (name: string) => Promise<Buffer | null>
  saveSecret: (name: string, value: Buffer) => Promise<void>
  deleteSecret: (name: string) => Promise<void>

  close: () => Promise<void>
}

/** An upload that wants to be opened, and what must hold for it. */
export interface Opening {
  upload: Upload
  token: string
  /** The upload's words as a stream, whose id no client was told of yet; null for one in chunks. */
  stream: Omit<StreamRecord, 'uploadId'> | null
  /** A JPEG to keep until the upload ends; it is dropped where many uploads have one. */
  thumbnail?: Uint8Array | null
  /** What it may need of the disk at one moment, in bytes; its size, if not given. */
  reservedBytes?: number
  /** What its owner may have unfinished at one time, this one included. */
  share: { maxUploads: number; maxBytes: number }
  /** What the spool holds. */
  capacity: SpoolCapacity
  /**
   * Answers as ever and opens nothing: for a caller that refuses for another reason anyway, and
   * must not tell by the order of its refusals that the id is taken.
   */
  lookOnly?: boolean
}

/** What uploads may reserve, in bytes. */
export interface SpoolCapacity {
  /** For all unfinished uploads together. */
  limitBytes: number
  /** What the disk has for bytes that have not come yet. */
  freeBytes: number
  /** Bytes of the new upload that are on the disk already. */
  presentBytes: number
}

export type Opened =
  | { kind: 'opened' }
  /** There is an upload with this id: its owner's, or another's, which is said when nothing else refuses it. */
  | { kind: 'known'; upload: Upload }
  /** The owner has too much unfinished: this much. */
  | { kind: 'over-share'; held: { uploads: number; bytes: number } }
  | { kind: 'no-capacity' }

/** What unfinished uploads have reserved, in bytes. */
export interface Reservations {
  /** The sum of what they may need of the disk at one moment. */
  reservedBytes: number
  /** How much of it has not come yet: the disk must still take it. */
  unwrittenBytes: number
}

export interface FoundChunk {
  upload: Upload
  /** Whether its bytes come as a stream. */
  isStream: boolean
  /** Null when it is not there yet. */
  chunk: ChunkRecord | null
  /** How many chunks the upload has. */
  count: number
}

/** What changes in an upload's row when it gets a chunk. */
export interface ChunkChange {
  /**
   * The opening of the upload that the bytes were stored for: one that was opened since under the same
   * id stays as it is. Left out: whichever there is.
   */
  captionId?: string
  /** Null: it stays as it is. */
  chunkSize: number | null
  /** The newest token of its owner, as `saveUploadToken` keeps it; null: it stays as it is. */
  token: string | null
  /** The upload's new touchedAt. */
  now: number
}

export type AcceptedChunk =
  /** With it the upload has this many chunks. */
  | { kind: 'accepted'; count: number }
  /**
   * Another caller was faster: the chunk is there with other bytes, or (null) chunks of this upload have
   * another size.
   */
  | { kind: 'differs'; upload: Upload; chunk: ChunkRecord | null }
  | { kind: 'closed'; upload: Upload }
  | { kind: 'gone' }

export type Sealing =
  | { kind: 'sealed'; upload: Upload }
  /** It is not whole: these are its chunks. */
  | { kind: 'incomplete'; present: number[] }
  /** It has been sealed before, or has ended. */
  | { kind: 'closed'; upload: Upload }
  | { kind: 'gone' }

/** What became of an upload that was to end. An upload ends once. */
export type Ending =
  /** This call has ended it, and so it is now. */
  | { kind: 'ended'; upload: Upload }
  /** It had ended before, and nothing was changed: so it is. */
  | { kind: 'closed'; upload: Upload }
  | { kind: 'gone' }

/** An upload among the others of its owner. */
export interface ListedUpload {
  upload: Upload
  /** The sum of its chunks while it receives, else 0. */
  receivedBytes: number
}

/** How an upload ended that is in Telegram now. */
export interface Completion {
  result: FinishedFile
  webhook: WebhookPayload | null
  /** Null where it is not known which channel has it. */
  library: {
    key: LibraryKey
    file: FileRow
    /** Deletes the message that the file replaces; null: it replaces none. */
    deletion: NewLibraryJob | null
  } | null
  now: number
}

/** How an upload ended that went wrong. */
export interface Failure {
  reason: string
  /** Where its progress stands; null: where it was kept last. */
  percent: number | null
  /** When the same file may be added again, where Telegram has said so. */
  retryAt: number | null
  now: number
}

/** How an upload ended that was given up. */
export interface Cancelled {
  reason: string
  /** Where its progress stands. */
  percent: number
  now: number
}

/** How many cancelled uploads are remembered. */
export interface KeptCancellations {
  perOwner: number
  inAll: number
}

/** What the ledger knows of uploads whose bytes come as a stream. */
export interface StreamRecords {
  /** From now on a client may know its id. */
  announceStream: (uploadId: string) => Promise<void>
  /** The unfinished ones opened before that moment that no client was told of, oldest first. */
  unannouncedStreams: (openedBefore: number) => Promise<string[]>
  /** Null for an upload that comes in chunks. */
  stream: (uploadId: string) => Promise<StreamRecord | null>
  /**
   * Opens a sealed upload with the chunks of its parts, while all parts receive. They become
   * `completed` with nothing of their own, so that a client that asks for one finds it whole.
   */
  joinUploads: (joined: JoinedUpload, now: number) => Promise<Joining>
}

export type Joining =
  | { kind: 'joined' }
  /** There is an upload with this id already. */
  | { kind: 'known'; upload: Upload }
  /** A part does not receive (as it is now), or is gone (null). */
  | { kind: 'part-closed'; part: Upload | null }

/** What the ledger knows of tickets. `holder` and `tokenId` are names made by core/model/ticket-format.ts. */
export interface TicketRecords {
  /** 32 bytes for one purpose, the same after a restart. Made of the ledger's key, so it waits for nothing. */
  deriveKey: (purpose: string) => Buffer
  /** The epoch of the holder's tickets, or null when there are none. */
  ticketEpoch: (holder: string) => Promise<number | null>
  /**
   * Resolves with the epoch for a new ticket of the holder, begun when there is none. What `kept`
   * says is kept, encrypted, until the last ticket that needs it has expired, or the epoch ends.
   */
  issueTicket: (holder: string, kept: KeptToken | null, now: number) => Promise<number>
  /** Counts the epoch up, forgets the holder's tokens, and ends all of their shares. */
  endTicketEpoch: (holder: string, now: number) => Promise<void>
  /** The token, or null when it has expired, was forgotten or cannot be decrypted. */
  ticketToken: (tokenId: string, now: number) => Promise<string | null>
  deleteExpiredTicketTokens: (now: number) => Promise<void>
}

/** The login token behind a ticket for a message. */
export interface KeptToken {
  tokenId: string
  token: string
  expiresAt: number
}

/** What start-up and the sweeper need beside what the flows need. */
export interface MaintainedLedger
  extends Ledger,
    ClockRecords,
    Catalogue,
    LibraryJobRecords,
    ArchiveRecords {
  /** Forgets one chunk, whose bytes were lost. */
  deleteChunk: (uploadId: string, index: number) => Promise<void>
  /** Ids of the uploads that ended at `before` or earlier. */
  finishedBefore: (before: number) => Promise<string[]>
  /**
   * Removes one of those, as `deleteUpload` does. False where it did not end so early by now: its id may
   * have been opened again.
   */
  forgetUpload: (id: string, before: number) => Promise<boolean>
  /** Moves the log into the database file and empties it, erased secrets included. */
  checkpoint: () => Promise<void>
}

/** One moment, by the worker's time and by the machine's clock, both epoch milliseconds. */
export interface ClockReading {
  workerTime: number
  wallTime: number
}

/** How much of an absence is not to count, in milliseconds. */
export interface Forgiven {
  receiving: number
  finished: number
}

export interface ClockRecords {
  /** The last reading that was kept, or null before the first. */
  lastReading: () => Promise<ClockReading | null>
  /** Keeps the reading; with `forgiven`, makes receiving and finished uploads younger by so much. */
  keepReading: (reading: ClockReading, forgiven?: Forgiven) => Promise<void>
}
