/**
 * The words of this project, and the interfaces that core needs from the rooms around it.
 *
 * | word | means |
 * |---|---|
 * | upload | one file on its way in, with an id and a state |
 * | chunk | a piece from browser to worker |
 * | part | a piece from worker to Telegram, 512 KiB or less |
 * | offset / size / range | first byte / bytes in the whole / inclusive first and last byte |
 * | transfer | the job that carries an upload to Telegram |
 * | road | the way a transfer takes: Bot API, MTProto as the user, MTProto as the bot |
 * | credentials | what the backend grants for one token |
 * | message / document / file reference / DC / session / flood wait | Telegram's own terms |
 *
 * Times are epoch milliseconds, sizes are bytes, `retryAfter` is seconds. Failures are AppErrors.
 */

// ---- Credentials ---------------------------------------------------------------------------

/** What one token lets the worker do on Telegram. Secrets: never logged, never stored. */
export interface Credentials {
  /** The owner of everything done with this token: the backend's `user_id`. */
  userId: string
  botToken: string | null
  /** Marked id as text, such as `-1001234567890`; a bare id is accepted too. */
  channelId: string
  /** Telethon's or gramjs' string session of the user. */
  session: string | null
  apiId: number | null
  apiHash: string | null
}

/** What a token of `/download` grants. */
export interface DownloadGrant {
  credentials: Credentials
  /** A login token may read every file of its owner; a download token is for one message. */
  kind: 'login' | 'download'
  /** Set when the backend itself, or a ticket, ties the token to one message. */
  messageId: number | null
  /** The Bot API file_id of that message's document, where a ticket names it. */
  fileId?: string
}

export interface CredentialsProvider {
  /**
   * Asks whose login token this is. Cached and single-flight by the token's hash.
   * Rejects with TOKEN_REFUSED, TELEGRAM_NOT_CONFIGURED or BACKEND_UNAVAILABLE.
   */
  forUpload: (token: string) => Promise<Credentials>
  /** The same, but while the backend is down an answer that was valid once serves on. */
  forRunningUpload: (token: string) => Promise<Credentials>
  /** The same for `/download`: a download token, or else a login token. */
  forDownload: (token: string) => Promise<DownloadGrant>
}

// ---- Uploads in the ledger -----------------------------------------------------------------

export type UploadState = 'receiving' | 'sealed' | 'completed' | 'failed'

/** One file on its way in. `sealed` means: all bytes are here, `/complete-upload` was called. */
export interface Upload {
  readonly id: string
  readonly owner: string
  readonly fileName: string
  readonly mimeType: string
  readonly size: number
  readonly totalChunks: number
  /** Fixed by the first chunk that is not the last; known from the start when there is only one. */
  readonly chunkSize: number | null
  readonly state: UploadState
  readonly createdAt: number
  /** When the upload last made progress; `SESSION_TTL` counts from here. */
  readonly touchedAt: number
  readonly sealedAt: number | null
  readonly finishedAt: number | null
  readonly result: PostedFile | null
  /** For a failed upload: the sentence for a person. */
  readonly reason: string | null
}

export interface ChunkRecord {
  readonly index: number
  readonly size: number
  /** SHA-256, hex. */
  readonly digest: string
}

/** Where a finished upload is in Telegram. */
export interface PostedFile {
  /** Id of the message in the channel: the handle for downloads. */
  readonly messageId: number
  /** Shaped like a Bot API file_id; a real one whenever the bot's own account saw the document. */
  readonly fileId: string
}

/** A document Telegram has made of an upload's parts, before it is posted. Longs are decimal text. */
export interface StoredDocument {
  readonly id: string
  readonly accessHash: string
  /** Base64. */
  readonly fileReference: string
  readonly dcId: number
}

/** Everything a transfer must remember to go on after the process died. */
export interface TransferState {
  readonly road: Road
  /** Names the auth key and data centre that hold the parts (a hash: never the key itself). */
  readonly partsHolder: string
  /** Telegram's `file_id` of the parts, a long as decimal text. */
  readonly fileId: string
  /** When the first part was sent: parts are trusted for PART_TTL. */
  readonly startedAt: number
  readonly document: StoredDocument | null
  /** `random_id` of the post, a long as decimal text; chosen before the first try. */
  readonly randomId: string | null
  /** The channel's newest message before the first try to post: what is looked for is newer. */
  readonly newestMessageId: number | null
  /** How often the post was tried; more than 0 after a restart means: look first. */
  readonly postAttempts: number
}

/** The webhook that tells the backend about a finished upload; waits in the outbox until delivered. */
export interface WebhookEvent {
  readonly id: string
  readonly uploadId: string
  readonly payload: WebhookPayload
  readonly attempts: number
  readonly dueAt: number
  readonly createdAt: number
}

/** The body of `POST /api/webhook/upload`. */
export interface WebhookPayload {
  userId: string
  fileName: string
  messageId: number
  fileId: string
  size: number
  mimeType: string
}

/**
 * The durable memory of the worker. Synchronous: when a call returns, its effect survives the
 * death of the process (losing power may lose the last moments). Validates nothing.
 */
export interface Ledger extends TicketRecords {
  /** Adds the row; the token is kept encrypted until the upload ends. Throws if the id exists. */
  insertUpload: (upload: Upload, token: string) => void
  findUpload: (id: string) => Upload | null
  /** Newest first. */
  uploadsOf: (owner: string, limit: number) => Upload[]
  uploadsInState: (state: UploadState) => Upload[]
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
  failUpload: (id: string, reason: string, now: number) => void
  /** Removes the upload and all that belongs to it, outbox rows excepted. */
  deleteUpload: (id: string) => void
  /** Bytes that unfinished uploads have reserved in the spool: the sum of their sizes. */
  reservedBytes: () => number

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

/** What the ledger knows of tickets. `holder` and `tokenId` are names made by core/ticket.ts. */
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

// ---- The spool -----------------------------------------------------------------------------

/** Bytes of one chunk that are on disk under a temporary name and belong to nobody yet. */
export interface ReceivedChunk {
  readonly size: number
  /** SHA-256, hex. */
  readonly digest: string
  /** Gives the bytes to an upload: afterwards they are read as that chunk. Ends this object's life. */
  claim: (uploadId: string, index: number) => Promise<void>
  /** Removes the bytes. Harmless after `claim` and when called twice. */
  discard: () => Promise<void>
}

export interface ReceiveOptions {
  /** More bytes than this reject with CHUNK_TOO_LARGE. */
  maxBytes: number
  signal: AbortSignal
}

/** How an upload's bytes are cut: all chunks have `chunkSize`, the last one the rest. */
export interface ChunkLayout {
  readonly size: number
  readonly chunkSize: number
}

/** Keeps chunk files. The chunk files are the file: nothing is ever merged. */
export interface Spool {
  /**
   * Writes what the source gives to a temporary file, with its digest. Whatever fails leaves
   * nothing behind. Rejects with SPOOL_FULL when the disk is full, SPOOL_FAILED when it fails
   * otherwise, CHUNK_TOO_LARGE, or the source's own error, or the signal's reason.
   */
  receive: (source: AsyncIterable<Uint8Array>, options: ReceiveOptions) => Promise<ReceivedChunk>
  /**
   * Fills `target` with the upload's bytes from `offset`; the range may cross chunks.
   * Rejects with SPOOL_DAMAGED when a chunk file is missing or short.
   */
  read: (uploadId: string, layout: ChunkLayout, offset: number, target: Uint8Array) => Promise<void>
  /** The size of one chunk file in bytes, or null when it is not there. */
  chunkFileSize: (uploadId: string, index: number) => Promise<number | null>
  /** Removes all chunks of an upload and closes what is open; harmless when there are none. */
  remove: (uploadId: string) => Promise<void>
  /** Ids of all uploads that have a folder. */
  uploadIds: () => Promise<string[]>
  /** Removes temporary files that no living request can own. */
  removeTemporary: () => Promise<void>
  /** Rejects with SPOOL_FAILED or SPOOL_FULL when nothing can be written. */
  check: () => Promise<void>
  close: () => Promise<void>
}

// ---- Telegram ------------------------------------------------------------------------------

export type Road = 'bot-api' | 'mtproto-user' | 'mtproto-bot'

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
  load: () => TransferState | null
  save: (state: TransferState) => void
  /** Whether Telegram has acknowledged this part. */
  hasPart: (part: number) => boolean
  /** Notes it; flushed at most 250 ms later, because losing it only sends the part again. */
  addPart: (part: number) => void
  /** Telegram has lost this part. */
  removePart: (part: number) => void
  /** Forgets everything: the transfer starts over with a new file id. */
  reset: () => void
}

export type TransferEvent =
  | { phase: 'connecting' }
  | { phase: 'resolving' }
  /** Bytes of the file that Telegram has accepted so far. */
  | { phase: 'sending'; acceptedBytes: number }
  /** Telegram asks to wait. */
  | { phase: 'waiting'; retryAfter: number }
  | { phase: 'posting' }

export interface TransferRequest {
  credentials: Credentials
  file: OutgoingFile
  journal: TransferJournal
  signal: AbortSignal
  onEvent: (event: TransferEvent) => void
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
  /** The gateway's own: where and how to read it. */
  readonly locator: unknown
}

export interface TelegramGateway {
  /**
   * Which road a file takes (CONTRACT.md section 5).
   * Throws TELEGRAM_NOT_CONNECTED when no road can carry it, FILE_TOO_LARGE when Telegram cannot.
   */
  roadFor: (credentials: Credentials, size: number) => Road
  /** Whether parts of such a file may go before it is sealed: an MTProto road and more than 10 MB. */
  sendsEarly: (road: Road, size: number) => boolean
  /**
   * Sends every part whose bytes are here and that Telegram has not acknowledged; resolves when
   * none is left to send at this moment. Posts nothing. Only where `sendsEarly`.
   */
  sendAvailable: (request: TransferRequest) => Promise<void>
  /** For a sealed file: sends what is missing, posts it exactly once, and says where it is. */
  finish: (request: TransferRequest) => Promise<PostedFile>
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
   * One request to Telegram: the bytes from `offset`, `length` of them or less at the end of the
   * file. Both multiples of 4 KiB (the last may pass the end), all inside one 1 MiB block.
   * Retries, refreshes file references and follows migrations by itself.
   */
  readBlock: (
    document: RemoteDocument,
    block: { offset: number; length: number },
    signal: AbortSignal,
  ) => Promise<Uint8Array>
  /** Disconnects everything. Running calls reject with SHUTTING_DOWN. */
  close: () => Promise<void>
}
