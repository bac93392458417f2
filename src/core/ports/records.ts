/**
 * The words of this project, and the interfaces that core needs from the rooms around it.
 *
 * | word | means |
 * |---|---|
 * | upload | one file on its way in, with an id and a state |
 * | stream | an upload whose bytes come in order, and are cut into chunks here (tus) |
 * | chunk | a piece from browser to worker |
 * | part | a piece from worker to Telegram, 512 KiB or less |
 * | offset / size / range | first byte / bytes in the whole / inclusive first and last byte |
 * | transfer | the job that carries an upload to Telegram |
 * | road | the way a transfer takes: Bot API, MTProto as the user, MTProto as the bot |
 * | sealed | all chunks are here, and the file may be posted |
 * | spool / ledger / outbox | chunk files / rows / rows of webhooks that are not delivered yet |
 * | capacity / unclaimed bytes | what the spool may promise / bytes whose owner is not known yet |
 * | work gate | decides what this instance takes on |
 * | lease / acquire / release | which instance has Telegram / how it gets it / how it gives it up |
 * | grant / credentials | what a token allows / what is needed to act at Telegram for its user |
 * | message / document / file reference / DC / session / flood wait | Telegram's own terms |
 *
 * Times are epoch milliseconds, sizes are bytes, `retryAfter` is seconds. Failures are AppErrors.
 */

export type UploadState = 'receiving' | 'sealed' | 'completed' | 'failed' | 'cancelled'

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
  readonly result: FinishedFile | null
  /** For a failed or cancelled upload: the sentence for a person. */
  readonly reason: string | null
  /** The percent at which its progress stands, or was kept last; null before that. */
  readonly lastPercent: number | null
  /** For an upload that failed because Telegram asks to wait: when it may be added again. */
  readonly retryAt: number | null
  /** When the file was last changed, as its sender says; null where that is not known. */
  readonly modifiedAt: number | null
  /** The id of its posts' captions (core/model/caption.ts), which every try of a post repeats. */
  readonly captionId: string
  /** The folder into which it goes, by names from the root down. */
  readonly folder: readonly string[]
  /** The id of that folder; null: the root, or it is not known yet. */
  readonly folderId: string | null
  /** What its sender calls the file; null: by its `fileName`, which no other one had then. */
  readonly givenName: string | null
  /** The message that goes once this file is in Telegram; null: none. */
  readonly replaces: { readonly channelId: string; readonly messageId: number } | null
  /** Bytes of each of its volumes but the last; null: it goes as one document. Fixed when it opens. */
  readonly volumeBytes: number | null
  /** How many of its volumes are in Telegram: always the first ones. */
  readonly postedVolumes: number
  /** How many of its chunks are on the disk no more, because Telegram has them: always the first ones. */
  readonly freedChunks: number
}

export interface ChunkRecord {
  readonly index: number
  readonly size: number
  /** SHA-256, hex. */
  readonly digest: string
}

/** An upload whose bytes come in order, by the tus protocol; its words are kept as they were sent. */
export interface StreamRecord {
  readonly uploadId: string
  /** `Upload-Metadata`. */
  readonly metadata: string | null
  /** `Upload-Concat`: `partial` for a piece of another upload, `final;…` for one that was joined. */
  readonly concat: string | null
}

/** An upload made of the chunks of others. */
export interface JoinedUpload {
  readonly upload: Upload
  readonly stream: StreamRecord
  readonly chunks: readonly ChunkRecord[]
  /** The partial uploads, which have no chunks any more. */
  readonly partIds: readonly string[]
  readonly token: string
}

/** What a post of the worker is. */
export type PostKind = 'file' | 'manifest' | 'folder' | { volume: number; of: number }

/** Where a finished upload is in Telegram. */
export interface PostedFile {
  /** Id of the message in the channel: the handle for downloads. */
  readonly messageId: number
  /** Shaped like a Bot API file_id; a real one whenever the bot's own account saw the document. */
  readonly fileId: string
  /** Whether Telegram has a small picture of it, where its answer tells. */
  readonly hasThumbnail?: boolean
  /** The Bot API's id of that picture, where its answer tells. */
  readonly thumbnailId?: string
}

/** What identifies the bytes of a whole file, lower-case hex. */
export interface Digests {
  readonly sha256: string
  /** As in ZIP, 8 digits. */
  readonly crc32: string
}

export interface FinishedFile extends PostedFile {
  /** Of the bytes as they were sent; null where an earlier version has sent them. */
  readonly digests: Digests | null
}

/** A document Telegram has made of an upload's parts, before it is posted. Longs are decimal text. */
export interface StoredDocument {
  readonly id: string
  readonly accessHash: string
  /** Base64. */
  readonly fileReference: string
  readonly dcId: number
}

/** Everything a transfer must remember to go on after the process died, by the road it takes. */
export type TransferState = BotApiTransferState | MtprotoTransferState

interface CommonTransferState {
  /** How often the post was tried; more than 0 after a restart means: look first. */
  readonly postAttempts: number
}

/** The Bot API takes a file in one request: there is nothing to go on with. */
export interface BotApiTransferState extends CommonTransferState {
  readonly road: 'bot-api'
  /** By the machine's clock, unlike all other times: it is compared with the dates of messages. */
  readonly startedAt: number
  /** The file's message, while what it holds is still to be read back. */
  readonly posted: PostedFile | null
}

export interface MtprotoTransferState extends CommonTransferState {
  readonly road: Exclude<Road, 'bot-api'>
  /** When the first part was sent: parts are trusted for PART_TTL. */
  readonly startedAt: number
  /** Names the auth key and data centre that hold the parts (a hash: never the key itself). */
  readonly partsHolder: string
  /** Telegram's `file_id` of the parts, a long as decimal text. */
  readonly fileId: string
  readonly document: StoredDocument | null
  /** `random_id` of the post, a long as decimal text; chosen before the first try. */
  readonly randomId: string | null
  /** The channel's newest message before the first try to post: what is looked for is newer. */
  readonly newestMessageId: number | null
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
  /** Hex; null where the upload's digests are. */
  sha256: string | null
}

export type Road = 'bot-api' | 'mtproto-user' | 'mtproto-bot'
