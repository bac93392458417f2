import { formatFolderPath, parseFolderPath } from '../../../core/model/library/folder-path.ts'
import type {
  ChunkRecord,
  Digests,
  FinishedFile,
  PostedFile,
  Road,
  StoredDocument,
  TransferState,
  Upload,
  UploadState,
  WebhookEvent,
  WebhookPayload,
} from '../../../core/ports/records.ts'

export function toUpload(row: Fields): Upload {
  return {
    id: text(row, 'id'),
    owner: text(row, 'owner'),
    fileName: text(row, 'file_name'),
    mimeType: text(row, 'mime_type'),
    size: integer(row, 'size'),
    totalChunks: integer(row, 'total_chunks'),
    chunkSize: integerOrNull(row, 'chunk_size'),
    state: toState(row),
    createdAt: integer(row, 'created_at'),
    touchedAt: integer(row, 'touched_at'),
    sealedAt: integerOrNull(row, 'sealed_at'),
    finishedAt: integerOrNull(row, 'finished_at'),
    result: toFinishedFile(row),
    reason: textOrNull(row, 'reason'),
    lastPercent: integerOrNull(row, 'last_percent'),
    retryAt: integerOrNull(row, 'retry_at'),
    modifiedAt: integerOrNull(row, 'modified_at'),
    captionId: text(row, 'caption_id'),
    folder: parseFolderPath(text(row, 'folder'), 'folder'),
    folderId: textOrNull(row, 'folder_id'),
    givenName: textOrNull(row, 'given_name'),
    replaces: toReplaced(row),
    volumeBytes: integerOrNull(row, 'volume_bytes'),
    postedVolumes: integer(row, 'posted_volumes'),
    freedChunks: integer(row, 'freed_chunks'),
  }
}

function toState(row: Fields): UploadState {
  if (integer(row, 'cancelled') === 1) return 'cancelled'
  return oneOf<UploadState>(['receiving', 'sealed', 'completed', 'failed'], text(row, 'state'))
}

function toFinishedFile(row: Fields): FinishedFile | null {
  const messageId = integerOrNull(row, 'message_id')
  if (messageId === null) return null
  return { messageId, fileId: text(row, 'file_id'), digests: toDigests(row) }
}

function toDigests(row: Fields): Digests | null {
  const sha256 = textOrNull(row, 'sha256')
  return sha256 === null ? null : { sha256, crc32: text(row, 'crc32') }
}

function toReplaced(row: Fields): Upload['replaces'] {
  const messageId = integerOrNull(row, 'replaces')
  return messageId === null ? null : { channelId: text(row, 'replaces_in'), messageId }
}

export function toChunk(row: Fields): ChunkRecord {
  return {
    index: integer(row, 'chunk_index'),
    size: integer(row, 'size'),
    digest: blob(row, 'digest').toString('hex'),
  }
}

/** What a transfer's row has, in the order of the table. */
export const TRANSFER_COLUMNS = [
  ...['road', 'parts_holder', 'file_id', 'started_at', 'document', 'random_id'],
  ...['newest_message_id', 'post_attempts'],
]

export function toTransfer(row: Fields): TransferState {
  const road = oneOf<Road>(['bot-api', 'mtproto-user', 'mtproto-bot'], text(row, 'road'))
  const common = {
    startedAt: integer(row, 'started_at'),
    postAttempts: integer(row, 'post_attempts'),
  }
  const document = textOrNull(row, 'document')
  // The other columns of such a row hold nothing.
  if (road === 'bot-api') {
    return { road, ...common, posted: document === null ? null : toPostedFile(document) }
  }
  return {
    road,
    ...common,
    partsHolder: text(row, 'parts_holder'),
    fileId: text(row, 'file_id'),
    document: document === null ? null : toDocument(document),
    randomId: textOrNull(row, 'random_id'),
    newestMessageId: integerOrNull(row, 'newest_message_id'),
  }
}

/** The values of an upload's row when it opens, in the order in which both ledgers insert them. */
export function fromUpload(upload: Upload): (string | number | null)[] {
  return [
    upload.id,
    upload.owner,
    upload.fileName,
    upload.mimeType,
    upload.size,
    upload.totalChunks,
    upload.chunkSize,
    upload.state,
    upload.createdAt,
    upload.touchedAt,
    upload.sealedAt,
    upload.finishedAt,
    upload.result?.messageId ?? null,
    upload.result?.fileId ?? null,
    upload.reason,
    upload.modifiedAt,
    upload.captionId,
    upload.result?.digests?.sha256 ?? null,
    upload.result?.digests?.crc32 ?? null,
    formatFolderPath(upload.folder),
    upload.folderId,
    upload.givenName,
    upload.replaces?.messageId ?? null,
    upload.replaces?.channelId ?? null,
    upload.volumeBytes,
  ]
}

/** The values of `TRANSFER_COLUMNS`; `NOT NULL` ones have one. */
export function fromTransfer(state: TransferState): (string | number | null)[] {
  const { road, startedAt, postAttempts } = state
  if (state.road === 'bot-api') {
    const posted = state.posted && JSON.stringify(state.posted)
    return [road, '', '0', startedAt, posted, null, null, postAttempts]
  }
  const { partsHolder, fileId, document, randomId, newestMessageId } = state
  const json = document === null ? null : JSON.stringify(document)
  return [road, partsHolder, fileId, startedAt, json, randomId, newestMessageId, postAttempts]
}

function toPostedFile(json: string): PostedFile {
  const value = parseObject(json)
  const posted = { messageId: integer(value, 'messageId'), fileId: text(value, 'fileId') }
  const { hasThumbnail, thumbnailId } = value
  return {
    ...posted,
    ...(typeof hasThumbnail === 'boolean' && { hasThumbnail }),
    ...(typeof thumbnailId === 'string' && { thumbnailId }),
  }
}

function toDocument(json: string): StoredDocument {
  const value = parseObject(json)
  return {
    id: text(value, 'id'),
    accessHash: text(value, 'accessHash'),
    fileReference: text(value, 'fileReference'),
    dcId: integer(value, 'dcId'),
  }
}

export function toWebhook(row: Fields): WebhookEvent {
  return {
    id: text(row, 'id'),
    uploadId: text(row, 'upload_id'),
    payload: toPayload(text(row, 'payload')),
    attempts: integer(row, 'attempts'),
    dueAt: integer(row, 'due_at'),
    createdAt: integer(row, 'created_at'),
  }
}

function toPayload(json: string): WebhookPayload {
  const value = parseObject(json)
  return {
    userId: text(value, 'userId'),
    fileName: text(value, 'fileName'),
    messageId: integer(value, 'messageId'),
    fileId: text(value, 'fileId'),
    size: integer(value, 'size'),
    mimeType: text(value, 'mimeType'),
    // Earlier versions wrote none.
    sha256: value.sha256 === undefined ? null : textOrNull(value, 'sha256'),
  }
}

/** What the token of an upload is encrypted for. */
export function tokenPurpose(uploadId: string): string {
  return `token:${uploadId}`
}

/** A row of the ledger by its columns, whichever engine keeps it; or an object that JSON has made. */
export type Fields = Readonly<Record<string, unknown>>

export function parseObject(json: string): Fields {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object' || value === null) throw unreadable('json')
  return Object.fromEntries(Object.entries(value))
}

export function text(row: Fields, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw unreadable(column)
  return value
}

export function integer(row: Fields, column: string): number {
  const value = row[column]
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw unreadable(column)
  return value
}

/** A view of the row's bytes, not a copy. */
export function blob(row: Fields, column: string): Buffer {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw unreadable(column)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

export function textOrNull(row: Fields, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

export function integerOrNull(row: Fields, column: string): number | null {
  return row[column] === null ? null : integer(row, column)
}

export function oneOf<T extends string>(values: readonly T[], value: string): T {
  const found = values.find((candidate) => candidate === value)
  if (found === undefined) throw unreadable('a name')
  return found
}

function unreadable(column: string): Error {
  return new Error(`the ledger holds something unreadable in ${column}`)
}
