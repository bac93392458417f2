import { z } from 'zod'
import { fileId, fileName, messageId, token, uploadId, wholeNumber } from '../bodies/validation.ts'
import { message, success } from './answer-fields.ts'
import { disposition } from './downloads.ts'
import { operation } from './openapi/operation.ts'
import { OF_TOKENS } from './openapi/refusals.ts'

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
    expiresIn: wholeNumber(1, MAX_SECONDS)
      .default(DEFAULT_SECONDS)
      .meta({ description: 'Seconds until the link ends: a week at most.', examples: [3600] }),
    fileName: fileName.meta({ description: 'The name under which it is saved.' }).optional(),
    disposition: disposition.optional(),
    authToken: token.optional(),
  })
  .meta({ oneOf: [{ required: ['messageId'] }, { required: ['uploadId'] }] })

/** The body may be missing: the token may be in the header. */
export const RevokeFields = z.object({ authToken: token.optional() }).nullish()

export const issueTicket = operation({
  id: 'issueTicket',
  tag: 'Downloads',
  summary: 'Makes a link that may be shared',
  description:
    "For one message, or for one upload's progress: exactly one of `messageId` and `uploadId`. " +
    "It needs a login token, and ends after a while, or when the user's links are revoked.",
  auth: 'field',
  body: IssueFields,
  answers: {
    200: {
      description: 'The link.',
      headers: ['Cache-Control'],
      body: z.object({
        success,
        ticket: z.string().meta({
          description: 'What stands in the link in place of a token.',
          examples: ['tkt_AbCdEf0123'],
        }),
        url: z.string().meta({
          description: 'The link: a path at this worker.',
          examples: ['/download?messageId=42&token=tkt_AbCdEf0123'],
        }),
        link: z
          .string()
          .nullable()
          .meta({
            description:
              'The same as a whole address, where the worker knows the address under which it is ' +
              'reached (`PUBLIC_URL`, or what a trusted proxy says); else null.',
            examples: ['https://worker.example/download?messageId=42&token=tkt_AbCdEf0123'],
          }),
        expiresAt: z.string().meta({
          format: 'date-time',
          description: 'When it ends.',
          examples: ['2025-11-04T11:00:00.000Z'],
        }),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'UPLOAD_NOT_FOUND', 'SPOOL_FAILED'],
})

export const revokeTickets = operation({
  id: 'revokeTickets',
  tag: 'Downloads',
  summary: 'Takes all links of a user back',
  description: 'Those already made, at once; later ones work. It needs a login token.',
  auth: 'field',
  body: RevokeFields,
  answers: {
    200: {
      description: 'No link of this user opens anything any more.',
      body: z.object({
        success,
        message: message('All links are revoked'),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FAILED'],
})
