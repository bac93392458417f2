import type {
  ChunkRecord,
  JoinedUpload,
  PostedFile,
  StreamRecord,
  TransferState,
  Upload,
  WebhookEvent,
  WebhookPayload,
} from './records.ts'

/**
 * The durable memory of the worker. Synchronous: when a call returns, its effect survives the
 * death of the process (losing power may lose the last moments). Validates nothing.
 */
export interface Ledger extends TicketRecords, StreamRecords {
  /** Adds the row; the token is kept encrypted until the upload ends. Throws if the id exists. */
  insertUpload: (upload: Upload, token: string) => void
  findUpload: (id: string) => Upload | null
  /** Unfinished ones first, of each kind the newest first; without the parts of others. */
  uploadsOf: (owner: string, limit: number) => Upload[]
  uploadsInState: (state: 'receiving' | 'sealed') => Upload[]
  /** The token of an unfinished upload, or null when it was erased or cannot be decrypted. */
  uploadToken: (id: string) => string | null
  /** Keeps the newest token of the same owner, so that a restarted job uses one that still lives. */
  saveUploadToken: (id: string, token: string) => void
  /** Writes the chunk, the upload's chunkSize (when not null) and touchedAt in one transaction. */
  insertChunk: (uploadId: string, chunk: ChunkRecord, chunkSize: number | null, now: number) => void
  chunks: (uploadId: string) => ChunkRecord[]
  touchUpload: (id: string, now: number) => void
  sealUpload: (id: string, now: number) => void
  /** In one transaction: the result, the outbox row (if any), token and transfer state erased. */
  completeUpload: (
    id: string,
    result: PostedFile,
    webhook: WebhookPayload | null,
    now: number,
  ) => void
  /** Records the failure; token and transfer state are erased, chunk rows too. */
  failUpload: (id: string, failure: Failure) => void
  /** Keeps how far an unfinished upload is, so that a restart does not turn its progress back. */
  savePercent: (id: string, percent: number) => void
  /**
   * Marks an upload that is unfinished or has failed as cancelled; what `failUpload` erases is
   * erased, and a stream's words as well. Then forgets the oldest cancelled ones beyond `keep`: of
   * this owner, and in all of the owner who has most.
   */
  cancelUpload: (id: string, cancelled: Cancelled, keep: KeptCancellations) => void
  /** Removes the upload and all that belongs to it, outbox rows excepted. */
  deleteUpload: (id: string) => void
  /** Bytes that unfinished uploads have reserved in the spool: the sum of their sizes. */
  reservedBytes: () => number
  /** The unfinished uploads of one owner: how many, and the sum of their sizes. */
  reservedBy: (owner: string) => { uploads: number; bytes: number }
  /** Those that receive and have no chunk, except of empty files. A stream's first chunk may be partial. */
  chunklessUploads: () => Upload[]
  /** Bytes of these that have not come yet: the disk must still find room for them. */
  unwrittenBytes: () => number

  transfer: (uploadId: string) => TransferState | null
  saveTransfer: (uploadId: string, state: TransferState) => void
  /** Forgets the transfer and its parts. */
  deleteTransfer: (uploadId: string) => void
  /** One bit per acknowledged part, lowest bit of the first byte first; empty when unknown. */
  acknowledgedParts: (uploadId: string) => Uint8Array
  saveAcknowledgedParts: (uploadId: string, bitmap: Uint8Array) => void

  /** Webhooks due at `now`, oldest first. */
  dueWebhooks: (now: number, limit: number) => WebhookEvent[]
  /** When the next webhook is due, or null. */
  nextWebhookAt: () => number | null
  postponeWebhook: (id: string, dueAt: number) => void
  deleteWebhook: (id: string) => void

  /** A secret kept encrypted under a name (a bot's own auth key), or null. */
  secret: (name: string) => Buffer | null
  saveSecret: (name: string, value: Buffer) => void
  deleteSecret: (name: string) => void

  close: () => void
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
  /** Belongs to an upload that is there, and goes with it. Nobody was told of it yet. */
  insertStream: (stream: StreamRecord) => void
  /** From now on a client may know its id. */
  markStreamTold: (uploadId: string) => void
  /** The unfinished ones that no client was told of, oldest first. */
  untoldStreams: () => string[]
  /** Null for an upload that comes in chunks. */
  stream: (uploadId: string) => StreamRecord | null
  /**
   * In one transaction: the upload with its chunks; its parts are `completed` with nothing of
   * their own, so that a client that asks for them once more finds them whole.
   */
  joinUploads: (joined: JoinedUpload, now: number) => void
}

/** What the ledger knows of tickets. `holder` and `tokenId` are names made by core/model/ticket-format.ts. */
export interface TicketRecords {
  /** 32 bytes for one purpose, made of the ledger's key: the same after a restart. */
  deriveKey: (purpose: string) => Buffer
  /** The epoch of the holder's tickets, or null when there are none. */
  ticketEpoch: (holder: string) => number | null
  /** The same; begins one when there is none. */
  beginTicketEpoch: (holder: string, now: number) => number
  /** Counts the epoch up and forgets the holder's tokens, in one transaction. */
  endTicketEpoch: (holder: string, now: number) => void
  /** Keeps a login token, encrypted, until the last ticket that needs it has expired. */
  keepTicketToken: (kept: {
    tokenId: string
    holder: string
    token: string
    expiresAt: number
  }) => void
  /** The token, or null when it has expired, was forgotten or cannot be decrypted. */
  ticketToken: (tokenId: string, now: number) => string | null
  deleteExpiredTicketTokens: (now: number) => void
}

/** What start-up and the sweeper need beside what the flows need. */
export interface MaintainedLedger extends Ledger, ClockRecords {
  /** Forgets one chunk, whose bytes were lost. */
  deleteChunk: (uploadId: string, index: number) => void
  /** Ids of the uploads that ended at `before` or earlier. */
  finishedBefore: (before: number) => string[]
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
  lastReading: () => ClockReading | null
  keepReading: (reading: ClockReading) => void
  /** Makes unfinished and finished uploads younger, in one transaction. */
  forgive: (forgiven: Forgiven) => void
}
