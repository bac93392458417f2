import { z } from 'zod'
import { archiveFolder, archiveItems } from '../archives/schemas.ts'
import { fileId, fileName, messageId, token, uploadId, wholeNumber } from '../bodies/validation.ts'
import { message, success } from './answer-fields.ts'
import { disposition } from './downloads.ts'
import { operation } from './openapi/operation.ts'
import { OF_TELEGRAM, OF_TOKENS } from './openapi/refusals.ts'

const DEFAULT_SECONDS = 3600
const MAX_SECONDS = 7 * 24 * 3600

export const IssueFields = z
  .object({
    messageId: messageId.optional(),
    /** For bots that cannot see messages; the ticket holds it, the link need not. */
    fileId: fileId.optional(),
    uploadId: uploadId
      .meta({ description: 'Instead of `messageId`: the upload whose progress the link shows.' })
      .optional(),
    items: archiveItems.optional(),
    folder: archiveFolder.optional(),
    expiresIn: wholeNumber(1, MAX_SECONDS)
      .default(DEFAULT_SECONDS)
      .meta({ description: 'Seconds until the link ends, a week at most.', examples: [3600] }),
    fileName: fileName.meta({ description: 'The name under which the file is saved.' }).optional(),
    disposition: disposition.optional(),
    authToken: token.optional(),
  })
  .meta({
    oneOf: ['messageId', 'uploadId', 'items', 'folder'].map((field) => ({ required: [field] })),
  })

/** The body may be missing: the token may be in the header. */
export const RevokeFields = z.object({ authToken: token.optional() }).nullish()

export const issueTicket = operation({
  id: 'issueTicket',
  tag: 'Downloads',
  summary: 'Makes a link to share',
  description:
    'The link opens one message, the progress of one upload, or an archive of what `items` or ' +
    '`folder` have now: give one of the four. It ends after `expiresIn` seconds, or when the user ' +
    'revokes all links.',
  auth: 'field',
  body: IssueFields,
  answers: {
    200: {
      description: 'The link.',
      headers: ['Cache-Control'],
      body: z.object({
        success,
        ticket: z.string().meta({
          description: 'The token that is part of the link.',
          examples: ['tkt_AbCdEf0123'],
        }),
        url: z.string().meta({
          description: 'The link, as a path at this worker.',
          examples: ['/download?messageId=42&token=tkt_AbCdEf0123'],
        }),
        link: z
          .string()
          .nullable()
          .meta({
            description:
              'The link as a whole address; null where the worker does not know its own public ' +
              'address (`PUBLIC_URL`, or what a trusted proxy says).',
            examples: ['https://worker.example/download?messageId=42&token=tkt_AbCdEf0123'],
          }),
        expiresAt: z.string().meta({
          format: 'date-time',
          description: 'When the link ends.',
          examples: ['2025-11-04T11:00:00.000Z'],
        }),
      }),
    },
  },
  refusals: [
    ...OF_TOKENS,
    ...OF_TELEGRAM,
    'TOKEN_MISSING',
    'UPLOAD_NOT_FOUND',
    'MESSAGE_NOT_FOUND',
    'FOLDER_NOT_FOUND',
    'SPOOL_FULL',
    'SPOOL_FAILED',
  ],
})

export const revokeTickets = operation({
  id: 'revokeTickets',
  tag: 'Downloads',
  summary: 'Revokes all links of the user',
  description: 'All links that exist now end at once. New ones can be made.',
  auth: 'field',
  body: RevokeFields,
  answers: {
    200: {
      description: 'The links of this user are revoked.',
      body: z.object({
        success,
        message: message('All links are revoked'),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FAILED'],
})
