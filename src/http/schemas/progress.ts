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
    description: "The file's message in the user's channel, once it is there.",
    examples: [42],
  })

export const postedFileId = z
  .string()
  .nullable()
  .meta({
    description: "Telegram's `file_id`. Of a file that a user session posted it is only a label.",
    examples: ['BQACAgIAAyEFAASRk7fJAAMqaRBu'],
  })

/** How far an upload is; `Progress` of core, as it goes out. */
export const Progress = z
  .object({
    uploadId: uploadIdOut.meta({ description: 'The upload whose progress this is.' }),
    status: z.enum(['uploading', 'completed', 'failed']).meta({
      description: '`completed` and `failed` are the end.',
      examples: ['uploading'],
    }),
    progress: z
      .number()
      .int()
      .min(0)
      .max(100)
      .meta({
        description:
          'Percent. Up to 30 the way to Telegram opens, up to 90 it takes bytes, then it posts.',
        examples: [47],
      }),
    phase: z.enum(PHASES).meta({
      description:
        'What happens now; `waiting` when Telegram has asked for it, `cancelled` when it was given up.',
      examples: ['sending'],
    }),
    error: z
      .string()
      .nullable()
      .meta({
        description: 'Of a failed upload: `Upload failed: ` and the reason.',
        examples: ['Upload failed: Could not resolve channel ID'],
      }),
    reason: z
      .string()
      .nullable()
      .meta({
        description: 'Of a failed upload: the reason alone.',
        examples: ['Could not resolve channel ID'],
      }),
    messageId: postedMessageId,
    fileId: postedFileId,
    retryAfter: z
      .number()
      .int()
      .min(0)
      .nullable()
      .meta({
        description:
          'Seconds Telegram asks to wait, while `phase` is `waiting`; of an upload that failed for that, until the file may be added again.',
        examples: [17],
      }),
  })
  .meta({ id: 'Progress', description: 'How far an upload is.' }) satisfies z.ZodType<CoreProgress>

export const UploadIdParams = z.object({ uploadId })

export const uploadProgress = operation({
  id: 'uploadProgress',
  tag: 'Progress',
  summary: 'How far an upload is',
  description:
    'As JSON, or with `Accept: text/event-stream` as server-sent events until the end: the data of ' +
    'each is the same object. A stream sends states, not a history: a client that reconnects with ' +
    '`Last-Event-ID` gets the current state. A comment every 15 seconds keeps the line open. ' +
    'Finished uploads stay readable for an hour.',
  auth: 'optional-link',
  params: UploadIdParams,
  query: TokenQuery,
  headers: z.object({
    'Last-Event-ID': z
      .string()
      .max(MAX_HEADER_BYTES)
      .meta({ description: 'The last event that was seen.', examples: ['sending-47'] })
      .optional(),
  }),
  answers: {
    200: {
      description: 'The progress, or a stream of it.',
      body: {
        'application/json': Progress,
        'text/event-stream': z.string().meta({
          description: 'Events, the data of each a whole `Progress`.',
          examples: ['id: sending-47\ndata: {"status":"uploading","progress":47}\n\n'],
        }),
      },
      headers: ['Vary', 'Cache-Control'],
    },
    204: { description: 'The listener has seen the end already: an `EventSource` stops here.' },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'FORBIDDEN', 'UPLOAD_NOT_FOUND', 'BUSY'],
})
