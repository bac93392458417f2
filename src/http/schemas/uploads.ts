import { z } from 'zod'
import { ChunkFields, FileFields, SHA256, UploadIdFields } from '../bodies/validation.ts'
import {
  count,
  fileBytes,
  fileNameOut,
  message,
  success,
  uploadIdOut,
  userId,
} from './answer-fields.ts'
import { operation } from './openapi/operation.ts'
import { OF_OPENING, OF_TOKENS } from './openapi/refusals.ts'
import { postedFileId, postedMessageId, UploadIdParams } from './progress.ts'

const totalChunks = count('How many the file has.', 20)
const receivedChunks = count('How many the worker has.', 6)
const complete = z.boolean().meta({ description: 'Whether all are there.', examples: [false] })
export const initUpload = operation({
  id: 'initUpload',
  tag: 'Uploads',
  summary: 'Opens an upload',
  description:
    'May be left out: the first chunk opens it as well. Again with the same values it is harmless.',
  auth: 'field',
  body: FileFields.extend({ userId }),
  answers: {
    200: {
      description: 'The upload is open, and its room on the disk is reserved.',
      body: z.object({
        success,
        uploadId: uploadIdOut,
        message: message('Upload session initialized'),
      }),
    },
  },
  refusals: OF_OPENING,
})

export const uploadChunk = operation({
  id: 'uploadChunk',
  tag: 'Uploads',
  summary: 'Brings one chunk of a file',
  description:
    'Chunks come in any order and several at once, the fields in any order too. All chunks have ' +
    'one size, the last has the rest. The same chunk again is harmless; with other bytes it is ' +
    'refused, because the first ones may be in Telegram already.',
  auth: 'field',
  body: ChunkFields.extend({ userId, chunk: fileBytes("The chunk's bytes, 50 MB at most.") }),
  bodyType: 'multipart/form-data',
  answers: {
    200: {
      description: 'The chunk is on the disk, and survives the death of the process.',
      body: z.object({
        success,
        chunk_index: count('Which one it is.', 5),
        received_chunks: receivedChunks,
        total_chunks: totalChunks,
        complete,
      }),
    },
  },
  refusals: [
    ...OF_OPENING,
    'CHUNK_OUT_OF_RANGE',
    'CHUNK_SIZE_WRONG',
    'CHUNK_DAMAGED',
    'CHUNK_DIFFERS',
    'CHUNK_TOO_LARGE',
  ],
})

export const completeUpload = operation({
  id: 'completeUpload',
  tag: 'Uploads',
  summary: 'Says that all chunks are sent',
  description:
    'Answers at once; the way into Telegram goes on in the background. Called again it is the same ' +
    'job, never a second one.',
  auth: 'optional',
  body: UploadIdFields,
  answers: {
    200: {
      description: 'The job runs, or has ended.',
      body: z.object({
        success: success.meta({ description: 'False when the job has failed already.' }),
        uploadId: uploadIdOut,
        message: message('Upload started in background'),
        checkProgressAt: z.string().meta({
          description: 'Where to ask how far it is.',
          examples: ['/upload-progress/1762700000000_k3j9x0a2b'],
        }),
        status: z
          .enum(['completed', 'failed'])
          .meta({ description: 'How it ended, when it has.', examples: ['completed'] })
          .optional(),
        messageId: postedMessageId.optional(),
        fileId: postedFileId.optional(),
        error: z
          .string()
          .nullable()
          .meta({
            description: 'Why it failed, when it has.',
            examples: ['Upload failed: Could not resolve channel ID'],
          })
          .optional(),
      }),
    },
  },
  refusals: [
    ...OF_TOKENS,
    'TOKEN_MISSING',
    'CHUNKS_MISSING',
    'UPLOAD_NOT_FOUND',
    'UPLOAD_CLOSED',
    'UPLOAD_CANCELLED',
    'SPOOL_FULL',
    'SPOOL_FAILED',
  ],
})

export const uploadStatus = operation({
  id: 'uploadStatus',
  tag: 'Uploads',
  summary: 'Which chunks are here',
  description: 'What a client needs to go on after a break.',
  auth: 'optional',
  params: UploadIdParams,
  answers: {
    200: {
      description: 'The upload as the worker has it.',
      headers: ['Cache-Control'],
      body: z.object({
        upload_id: uploadIdOut,
        file_name: fileNameOut("The file's name."),
        file_size: count('Bytes.', 104_857_600),
        total_chunks: totalChunks,
        received_chunks: receivedChunks,
        received_chunk_indices: z.array(z.number().int().min(0)).meta({
          description: 'Which ones the worker has, in order.',
          examples: [[0, 1, 2, 3, 4, 5]],
        }),
        received_chunk_digests: z
          .array(z.string().regex(SHA256))
          .meta({
            description: 'SHA-256 of each, hex, in the same order; only if the call has a token.',
            examples: [['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']],
          })
          .optional(),
        complete,
        status: z
          .enum(['completed', 'failed'])
          .meta({
            description: 'How it ended, when it has; a cancelled one has failed.',
            examples: ['failed'],
          })
          .optional(),
        error: z
          .string()
          .meta({
            description: 'Why it failed, when it has: no chunk is taken any more.',
            examples: ['Upload failed: it was cancelled'],
          })
          .optional(),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'UPLOAD_NOT_FOUND', 'SPOOL_FAILED'],
})

export const cancelUpload = operation({
  id: 'cancelUpload',
  tag: 'Uploads',
  summary: 'Gives an upload up',
  description:
    'Stops a running job too, and frees the disk. The id stays cancelled for an hour: whatever ' +
    'comes for it is refused with `UPLOAD_CANCELLED`, and its progress is `failed`. A file that is ' +
    'in Telegram by then stays there, and the answer says so.',
  auth: 'optional',
  body: UploadIdFields,
  answers: {
    200: {
      description: 'It is cancelled, or was completed before.',
      body: z.object({
        success,
        message: z.enum(['Upload cancelled', 'The file is in Telegram already']).meta({
          description: 'What became of it.',
          examples: ['Upload cancelled'],
        }),
        status: z
          .literal('completed')
          .meta({
            description: 'How it has ended, when it was completed.',
            examples: ['completed'],
          })
          .optional(),
        messageId: postedMessageId.optional(),
        fileId: postedFileId.optional(),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'UPLOAD_NOT_FOUND', 'SPOOL_FULL', 'SPOOL_FAILED'],
})
