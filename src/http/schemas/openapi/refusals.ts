import { z } from 'zod'
import { ERROR_CODES, type ErrorCode } from '../../../errors.ts'

/** Codes with which every call may be refused. */
export const EVERYWHERE: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'REQUEST_TIMEOUT',
  'TOO_MANY_REQUESTS',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
  'SHUTTING_DOWN',
]

export const WITH_BODY: readonly ErrorCode[] = ['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE']

/** Codes of calls that take a token; those that need one add `TOKEN_MISSING`. */
export const OF_TOKENS: readonly ErrorCode[] = [
  'TOKEN_REFUSED',
  'TELEGRAM_NOT_CONFIGURED',
  'BACKEND_UNAVAILABLE',
]

/** Codes of calls that may open an upload. */
export const OF_OPENING: readonly ErrorCode[] = [
  ...OF_TOKENS,
  'TOKEN_MISSING',
  'EMPTY_FILE',
  'TELEGRAM_NOT_CONNECTED',
  'FILE_TOO_LARGE',
  // The id belongs to another user.
  'UPLOAD_NOT_FOUND',
  'UPLOAD_DIFFERS',
  'FILE_EXISTS',
  'UPLOAD_CLOSED',
  'UPLOAD_CANCELLED',
  'TOO_MANY_UPLOADS',
  'QUOTA_EXCEEDED',
  'SPOOL_FULL',
  'SPOOL_FAILED',
  // The account has to wait longer than a job may take.
  'TELEGRAM_FLOOD_WAIT',
  'BUSY',
]

/** Codes of calls that wait for Telegram. */
export const OF_TELEGRAM: readonly ErrorCode[] = [
  'TELEGRAM_NOT_CONNECTED',
  'TELEGRAM_UNAVAILABLE',
  'TELEGRAM_FLOOD_WAIT',
  'TELEGRAM_SESSION_INVALID',
  'TELEGRAM_SESSION_DUPLICATED',
  'TELEGRAM_CHANNEL_NOT_FOUND',
  'TELEGRAM_FORBIDDEN',
  'TELEGRAM_REJECTED',
  // Only in a cluster.
  'PEER_UNAVAILABLE',
  'LEASE_LOST',
]

const count = (description: string, example: number) =>
  z
    .number()
    .int()
    .min(0)
    .meta({ description, examples: [example] })
    .optional()
const text = (description: string, example: string) =>
  z
    .string()
    .meta({ description, examples: [example] })
    .optional()

/** The body of every refusal. The fields from `field` on are optional. */
export const Refusal = z
  .object({
    error: z.string().meta({
      description: 'A sentence for a person; it may change.',
      examples: ['fileName: is missing'],
    }),
    code: z.enum(ERROR_CODES).meta({
      description: 'A name for a program; it never changes.',
      examples: ['INVALID_REQUEST'],
    }),
    field: text('The field that is missing or wrong.', 'fileName'),
    hint: text('What to do about it.', 'Cancel it and add the file again'),
    detail: text("The backend's own words.", 'Telegram is not connected'),
    reason: z
      .string()
      .nullable()
      .meta({
        description: 'Why the upload has failed.',
        examples: ['Could not resolve channel ID'],
      })
      .optional(),
    right: z
      .enum(['edit_messages', 'delete_messages'])
      .meta({
        description: 'The right in the channel that the Telegram account lacks.',
        examples: ['edit_messages'],
      })
      .optional(),
    uploadId: text('Id of the upload.', '1762700000000_k3j9x0a2b'),
    chunkIndex: count('Index of the chunk.', 5),
    totalChunks: count('Number of chunks of the file.', 20),
    received: count('Number of chunks or bytes that the worker has.', 15),
    expected: z
      .number()
      .int()
      .min(0)
      .nullable()
      .meta({
        description: 'Bytes that the chunk should have; null if that is not known yet.',
        examples: [5_242_880],
      })
      .optional(),
    total: count('Number of chunks or bytes that are needed.', 20),
    missing: z
      .array(z.number().int().min(0))
      .meta({
        description: 'Indices of the missing chunks.',
        examples: [[3, 7]],
      })
      .optional(),
    offset: count('Bytes that the worker has: continue from here.', 5_242_880),
    messageId: count('Id of the message that is in the way, or that is missing.', 42),
    volume: count('The volume that the file lacks, counted from 1.', 2),
    of: count('Number of volumes of the file.', 12),
    maxFileSize: count('The largest file, in bytes.', 2_097_152_000),
    maxUploads: count('Number of unfinished uploads that a user may have.', 1000),
    maxBytes: count('Bytes of unfinished uploads that a user may have.', 4_294_967_296),
    heldBytes: count('Bytes of unfinished uploads that the user has.', 4_200_000_000),
  })
  .meta({
    id: 'Error',
    description: 'Why a call was refused.',
  })
