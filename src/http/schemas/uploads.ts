import { z } from 'zod'
import { ChunkFields, InitFields, SHA256, THUMBNAIL, UploadIdFields } from '../bodies/validation.ts'
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

const totalChunks = count('Number of chunks of the file.', 20)
const receivedChunks = count('Number of chunks that the worker has.', 6)
const complete = z
  .boolean()
  .meta({ description: 'Whether the worker has all chunks.', examples: [false] })
export const initUpload = operation({
  id: 'initUpload',
  tag: 'Uploads',
  summary: 'Opens an upload',
  description:
    'This call may be left out: the first chunk opens the upload as well. It may be repeated with ' +
    'the same values.',
  auth: 'field',
  body: InitFields.extend({ userId }),
  answers: {
    200: {
      description: 'The upload is open, and the room that it may need on the disk is reserved.',
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
  summary: 'Sends one chunk of a file',
  description:
    'Send the chunks in any order, several at once, and the fields in any order. All chunks have ' +
    'the same size, and the last one has the rest. A chunk may be sent again. With other bytes it ' +
    'is refused, because the first ones may be in Telegram already.\n\n' +
    'A file that is too large for one document, or for the disk of the worker, goes to Telegram in ' +
    'volumes while its chunks come in. Send its chunks in their order, then: the answer to one that is ' +
    'far ahead of what Telegram has waits, for 4 minutes at most, and `WINDOW_FULL` asks to send it ' +
    'again.',
  auth: 'field',
  body: ChunkFields.extend({ userId, chunk: fileBytes("The chunk's bytes, 50 MB at most.") }),
  bodyType: 'multipart/form-data',
  answers: {
    200: {
      description: 'The chunk is on the disk. It survives the end of the process.',
      body: z.object({
        success,
        chunk_index: count('Index of the chunk.', 5),
        received_chunks: receivedChunks,
        total_chunks: totalChunks,
        complete,
      }),
    },
  },
  refusals: [
    ...OF_OPENING,
    'WINDOW_FULL',
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
  summary: 'Completes an upload: all chunks are sent',
  description:
    'The answer comes at once, and the file is sent to Telegram in the background. A second call ' +
    'finds the same job and starts no other.',
  auth: 'optional',
  body: UploadIdFields,
  answers: {
    200: {
      description: 'The job runs, or has ended.',
      body: z.object({
        success: success.meta({ description: 'False if the job has failed already.' }),
        uploadId: uploadIdOut,
        message: message('Upload started in background'),
        checkProgressAt: z.string().meta({
          description: 'The path that tells the progress.',
          examples: ['/upload-progress/1762700000000_k3j9x0a2b'],
        }),
        status: z
          .enum(['completed', 'failed'])
          .meta({
            description: 'How the upload ended; missing while it runs.',
            examples: ['completed'],
          })
          .optional(),
        messageId: postedMessageId.optional(),
        fileId: postedFileId.optional(),
        error: z
          .string()
          .nullable()
          .meta({
            description: 'Why the upload failed, if it did.',
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
  summary: 'Tells which chunks the worker has',
  description: 'A client that was interrupted sends only the chunks that are missing here.',
  auth: 'optional',
  params: UploadIdParams,
  answers: {
    200: {
      description: 'What the worker has of the upload.',
      headers: ['Cache-Control'],
      body: z.object({
        upload_id: uploadIdOut,
        file_name: fileNameOut("The file's name."),
        file_size: count('Size of the file in bytes.', 104_857_600),
        total_chunks: totalChunks,
        received_chunks: receivedChunks,
        received_chunk_indices: z.array(z.number().int().min(0)).meta({
          description: 'Indices of the chunks that the worker has, in ascending order.',
          examples: [[0, 1, 2, 3, 4, 5]],
        }),
        received_chunk_digests: z
          .array(z.string().regex(SHA256))
          .meta({
            description:
              'SHA-256 of each of these chunks, in hex and in the same order. Only for calls with a token.',
            examples: [['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']],
          })
          .optional(),
        complete,
        status: z
          .enum(['completed', 'failed'])
          .meta({
            description:
              'How the upload ended; missing while it runs. A cancelled upload is `failed`.',
            examples: ['failed'],
          })
          .optional(),
        error: z
          .string()
          .meta({
            description: 'Why the upload failed, if it did. It accepts no more chunks.',
            examples: ['Upload failed: it was cancelled'],
          })
          .optional(),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'UPLOAD_NOT_FOUND', 'SPOOL_FAILED'],
})

export const putThumbnail = operation({
  id: 'putThumbnail',
  tag: 'Uploads',
  summary: 'Gives an open upload a small picture',
  description:
    'For clients whose protocol has no place for it: after the upload was opened, by tus or by its ' +
    'first chunk, and before it is complete. The last picture counts.',
  auth: 'optional',
  params: UploadIdParams,
  body: z.file().meta({ description: THUMBNAIL, examples: ['(the bytes)'] }),
  bodyType: 'image/jpeg',
  answers: { 204: { description: 'It goes to Telegram with the file.' } },
  refusals: [
    ...OF_TOKENS,
    'TOKEN_MISSING',
    'UPLOAD_NOT_FOUND',
    'UPLOAD_CLOSED',
    'UPLOAD_CANCELLED',
    'SPOOL_FULL',
    'SPOOL_FAILED',
    'BUSY',
  ],
})

export const cancelUpload = operation({
  id: 'cancelUpload',
  tag: 'Uploads',
  summary: 'Cancels an upload',
  description:
    'This stops a running job too, and frees the disk. The id stays cancelled for an hour: other ' +
    'calls for it are refused with `UPLOAD_CANCELLED`, and its progress is `failed`. A file that is ' +
    'already in Telegram stays there, and the answer says so.',
  auth: 'optional',
  body: UploadIdFields,
  answers: {
    200: {
      description: 'The upload is cancelled, or was completed before.',
      body: z.object({
        success,
        message: z.enum(['Upload cancelled', 'The file is in Telegram already']).meta({
          description: 'What was done, as a sentence.',
          examples: ['Upload cancelled'],
        }),
        status: z
          .literal('completed')
          .meta({
            description: 'Present if the upload was completed before.',
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
