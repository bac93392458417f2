import { z } from 'zod'
import type { Progress as CoreProgress } from '../../core/progress/progress-board.ts'
import { MAX_MESSAGE_ID, TokenQuery, uploadId } from '../bodies/validation.ts'
import { MAX_HEADER_BYTES } from '../guards/limits.ts'
import { uploadIdOut } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'
import { OF_TOKENS } from './openapi/refusals.ts'

const PHASES = [
  'receiving',
  'queued',
  'connecting',
  'resolving',
  'sending',
  'waiting',
  'posting',
  'changing',
  'completed',
  'failed',
  'cancelled',
] as const

export const postedMessageId = z
  .number()
  .int()
  .min(1)
  .max(MAX_MESSAGE_ID)
  .nullable()
  .meta({
    description: "Id of the file's message in the user's channel; null until it is posted.",
    examples: [42],
  })

export const postedFileId = z
  .string()
  .nullable()
  .meta({
    description: "Telegram's `file_id`. For a file that a user session posted it is only a label.",
    examples: ['BQACAgIAAyEFAASRk7fJAAMqaRBu'],
  })

export const fileSha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .nullable()
  .meta({
    description: 'SHA-256 of the whole file, in hex; null until it is posted.',
    examples: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  })

/** An upload on its way to Telegram. */
export const PROGRESS_EXAMPLE = {
  uploadId: '1762700000000_k3j9x0a2b',
  status: 'uploading',
  progress: 47,
  phase: 'sending',
  error: null,
  reason: null,
  messageId: null,
  fileId: null,
  sha256: null,
  retryAfter: null,
}

/** How far an upload is; `Progress` of core, as it goes out. */
export const Progress = z
  .object({
    uploadId: uploadIdOut.meta({ description: 'The upload whose progress this is.' }),
    status: z.enum(['uploading', 'completed', 'failed']).meta({
      description: '`completed` and `failed` are final.',
      examples: ['uploading'],
    }),
    progress: z
      .number()
      .int()
      .min(0)
      .max(100)
      .meta({
        description:
          'Percent. Up to 30: preparing. Up to 90: bytes are sent to Telegram. Then the file is posted.',
        examples: [47],
      }),
    phase: z.enum(PHASES).meta({
      description:
        'What happens now. `waiting`: Telegram has asked the worker to wait. `changing`: a job changes ' +
        'messages of the library.',
      examples: ['sending'],
    }),
    error: z
      .string()
      .nullable()
      .meta({
        description:
          'Of a failed upload: `Upload failed: ` and the reason. Of a failed job of the library: ' +
          '`Move failed: `, `Copy failed: ` or `Delete failed: ` and the reason. Else null.',
        examples: ['Upload failed: Could not resolve channel ID'],
      }),
    reason: z
      .string()
      .nullable()
      .meta({
        description: 'Of a failed upload: the reason alone. Else null.',
        examples: ['Could not resolve channel ID'],
      }),
    messageId: postedMessageId,
    fileId: postedFileId,
    sha256: fileSha256,
    retryAfter: z
      .number()
      .int()
      .min(0)
      .nullable()
      .meta({
        description:
          'While `phase` is `waiting`: seconds until Telegram allows more. After a failure for that ' +
          'reason: seconds until the file may be added again.',
        examples: [17],
      }),
    volume: z
      .object({
        number: z
          .number()
          .int()
          .min(1)
          .meta({ description: 'Counted from 1.', examples: [3] }),
        of: z
          .number()
          .int()
          .min(1)
          .meta({ description: 'How many volumes the file has.', examples: [20] }),
      })
      .optional()
      .meta({
        description:
          'Only of a file that goes as volumes, until it is posted: the first volume that is not in Telegram yet.',
        examples: [{ number: 3, of: 20 }],
      }),
  })
  .meta({
    id: 'Progress',
    description: 'How far an upload is.',
    examples: [PROGRESS_EXAMPLE],
  }) satisfies z.ZodType<CoreProgress>

export const UploadIdParams = z.object({ uploadId })

export const uploadProgress = operation({
  id: 'uploadProgress',
  tag: 'Progress',
  summary: 'Tells the progress of an upload',
  description:
    'The answer is JSON, or with `Accept: text/event-stream` a stream of events until the end. The ' +
    'data of each event is the same object. A stream sends states, not a history: a client that ' +
    'reconnects with `Last-Event-ID` gets the current state. A comment every 15 seconds keeps the ' +
    'connection open. The progress of a finished upload can be read for an hour. A job of the library ' +
    'is asked for in the same way.',
  auth: 'optional-link',
  params: UploadIdParams,
  query: TokenQuery,
  headers: z.object({
    'Last-Event-ID': z
      .string()
      .max(MAX_HEADER_BYTES)
      .meta({
        description: 'Id of the last event that the client has seen.',
        examples: ['sending-47'],
      })
      .optional(),
  }),
  answers: {
    200: {
      description: 'The progress, or a stream of it.',
      body: {
        'application/json': Progress,
        'text/event-stream': z.string().meta({
          description: 'Events, the data of each a whole `Progress`.',
          examples: [`id: sending-47\ndata: ${JSON.stringify(PROGRESS_EXAMPLE)}\n\n`],
        }),
      },
      headers: ['Vary', 'Cache-Control'],
    },
    204: { description: 'The subscriber has seen the end already: an `EventSource` stops here.' },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'FORBIDDEN', 'UPLOAD_NOT_FOUND', 'BUSY'],
})
