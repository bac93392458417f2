import { TeleStoreError } from './error.ts'
import type { TransferProgress, UploadStatus } from './uploads/upload-api.ts'

/** Parses the answers of the worker. Unknown fields are ignored, missing ones are null. */

type Fields = Readonly<Record<string, unknown>>

const STATUSES = ['uploading', 'completed', 'failed'] as const

/** Throws BAD_ANSWER when the fields are no progress. */
export function toProgress(fields: Fields): TransferProgress {
  const status = STATUSES.find((known) => known === fields.status)
  const { progress } = fields
  if (!status || typeof progress !== 'number') throw badAnswer()
  return {
    uploadId: String(fields.uploadId),
    status,
    progress,
    telegramPercent: telegramPercentOf(status, progress),
    phase: textOf(fields.phase),
    error: textOf(fields.error),
    reason: textOf(fields.reason),
    messageId: numberOf(fields.messageId),
    fileId: textOf(fields.fileId),
    sha256: textOf(fields.sha256),
    retryAfter: numberOf(fields.retryAfter),
    ...volumeIn(fields.volume),
  }
}

function volumeIn(value: unknown): Pick<TransferProgress, 'volume'> {
  if (typeof value !== 'object' || value === null) return {}
  const { number = null, of = null } = Object.fromEntries(Object.entries(value))
  const isKnown = typeof number === 'number' && typeof of === 'number'
  return isKnown ? { volume: { number, of } } : {}
}

/** The worker's percents within which bytes go to Telegram, in proportion. */
const SENDING_FROM = 30
const SENDING_TO = 90

/**
 * Converts the worker's percent of the whole job into the percent of the file that Telegram has
 * accepted. It stays below 100 until the message is posted: before that the file is not in the channel.
 */
export function telegramPercentOf(status: TransferProgress['status'], progress: number): number {
  if (status === 'completed') return 100
  const percent = (100 * (progress - SENDING_FROM)) / (SENDING_TO - SENDING_FROM)
  return Math.floor(10 * Math.min(99, Math.max(0, percent))) / 10
}

/** Throws BAD_ANSWER when the fields are no status. */
export function toStatus(fields: Fields): UploadStatus {
  const { upload_id, file_name, total_chunks, received_chunk_digests: digests } = fields
  if (typeof total_chunks !== 'number') throw badAnswer()
  return {
    uploadId: String(upload_id),
    fileName: String(file_name),
    size: numberOf(fields.file_size),
    totalChunks: total_chunks,
    receivedChunks: numbersOf(fields.received_chunk_indices),
    receivedDigests: Array.isArray(digests) ? digests.map(String) : [],
    complete: fields.complete === true,
  }
}

export function numbersOf(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'number') : []
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Null for what is no date. */
export function dateOf(value: unknown): Date | null {
  const date = new Date(textOf(value) ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? null : date
}

export function badAnswer(): TeleStoreError {
  return new TeleStoreError('BAD_ANSWER', 'The answer is not one that a worker gives')
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
