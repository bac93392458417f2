import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../core/model/library/folder-tree.ts'
import { linkToken, MAX_MESSAGE_ID, token, wholeNumber } from '../bodies/validation.ts'
import { count, fileNameOut } from '../schemas/answer-fields.ts'
import { operation } from '../schemas/openapi/operation.ts'
import { OF_TOKENS } from '../schemas/openapi/refusals.ts'

const MAX_ITEMS = 500
const DAY = 86_400
const DEFAULT_SECONDS = 7 * DAY
const MAX_SECONDS = 365 * DAY
const MAX_DOWNLOADS = 1_000_000
export const MAX_PASSWORD = 256
const MAX_TITLE = 200

export const DATE = { format: 'date-time', examples: ['2026-12-06T04:26:55.000Z'] }
const authToken = token.optional()

const title = z
  .string()
  .max(MAX_TITLE)
  .transform(
    (text) =>
      text
        .toWellFormed()
        .replace(/\p{Cc}+/gu, ' ')
        .trim() || null,
  )
  .nullable()
  .optional()
  .meta({
    description: 'What stands above the files, for those who open the share.',
    examples: ['Our holiday'],
  })
const password = z
  .string()
  .max(MAX_PASSWORD)
  .transform((text) => text || null)
  .nullable()
  .optional()
  .meta({
    description: 'Without it nobody sees what is in the share. It is kept as a salted hash.',
    examples: ['correct horse battery staple'],
  })
const maxDownloads = wholeNumber(1, MAX_DOWNLOADS)
  .nullable()
  .optional()
  .meta({
    description:
      'How often files may be downloaded. A visit of 24 hours counts each file once, previews too; ' +
      'without a cookie every download counts.',
    examples: [10],
  })
const expiresIn = wholeNumber(1, MAX_SECONDS).meta({
  description:
    'Seconds until the share ends, a year at most. It ends with the newest login of its owner, too.',
  examples: [DEFAULT_SECONDS],
})

export const NewShareFields = z
  .object({
    items: z
      .array(z.int().min(1).max(MAX_MESSAGE_ID))
      .min(1)
      .max(MAX_ITEMS)
      .optional()
      .meta({ description: 'Message ids of up to 500 files.', examples: [[42, 43]] }),
    folder: z
      .string()
      .max(MAX_PATH_BYTES)
      .optional()
      .meta({
        description:
          'Instead of `items`: path of a folder. The share has what lies in it, and below, whenever ' +
          'it is opened; it follows the folder where that is renamed or moved.',
        examples: ['/Photos/2026'],
      }),
    expiresIn: expiresIn.default(DEFAULT_SECONDS),
    password,
    maxDownloads,
    title,
    authToken,
  })
  .refine(({ items, folder }) => (items === undefined) !== (folder === undefined), {
    error: 'either it or folder is needed',
    path: ['items'],
  })
  .meta({ oneOf: [{ required: ['items'] }, { required: ['folder'] }] })

/** `null` takes away a password, a title or a limit. */
export const ShareChanges = z.object({
  expiresIn: expiresIn.optional(),
  password,
  maxDownloads,
  title,
  authToken,
})

/** The body may be missing: the token may be in the header. */
export const EndShareFields = z.object({ authToken }).nullish()
export const SharesQuery = z.object({ token: linkToken.optional() })

const name = z
  .string()
  .max(64)
  .meta({
    description: "The share's id, which opens it for everyone who has it.",
    examples: ['q83vEjRWeJq83vEjWyJzdGFydCIsImVu'],
  })
export const ShareParams = z.object({ id: name })

const url = z.string().meta({
  description: 'The address of its page, as a path at this worker.',
  examples: ['/s/q83vEjRWeJq83vEjWyJzdGFydCIsImVu'],
})
export const nullableCount = (description: string, example: number) =>
  count(description, example)
    .nullable()
    .meta({ description, examples: [example] })

const OwnShare = z
  .object({
    id: name,
    url,
    link: z
      .string()
      .nullable()
      .meta({
        description:
          'The same as a whole address; null where the worker does not know its own public address ' +
          '(`PUBLIC_URL`, or what a trusted proxy says).',
        examples: ['https://worker.example/s/q83vEjRWeJq83vEjWyJzdGFydCIsImVu'],
      }),
    state: z.enum(['open', 'used-up', 'expired', 'signed-out', 'ended']).meta({
      description:
        '`open`: it can be used. `used-up`: all its downloads were had; `expired`: its time is over: ' +
        'both go on where they are given more. `signed-out`: the newest login of its owner has ended; ' +
        'it goes on with the next one. `ended`: its owner has ended it.',
      examples: ['open'],
    }),
    title: z
      .string()
      .nullable()
      .meta({ description: 'What stands above the files.', examples: ['Our holiday'] }),
    items: z
      .array(z.int().min(1).max(MAX_MESSAGE_ID))
      .nullable()
      .meta({
        description: 'Message ids of the files; null: a folder is shared.',
        examples: [[42]],
      }),
    fileName: fileNameOut('A name.')
      .nullable()
      .meta({
        description:
          'The file, or the first of several, as the library has it; null: a folder is shared.',
        examples: ['holiday.mp4'],
      }),
    folder: z
      .string()
      .nullable()
      .meta({
        description: 'Where the shared folder is now; null: files are shared, or it is gone.',
        examples: ['/Photos/2026'],
      }),
    hasPassword: z.boolean().meta({ description: 'Whether it asks.', examples: [false] }),
    maxDownloads: nullableCount(
      'How often files may be downloaded; null: any number of times.',
      10,
    ),
    downloads: count('Downloads that were counted.', 3),
    createdAt: z.string().meta({ ...DATE, description: 'When it was made.' }),
    expiresAt: z.string().meta({
      ...DATE,
      description: 'When it ends: at its own time, or before, with the newest login of its owner.',
    }),
    lastUsedAt: z
      .string()
      .nullable()
      .meta({ ...DATE, description: 'When a download was counted last.' }),
  })
  .meta({ id: 'Share', description: 'A share, as its owner sees it.' })

const ofOwners = { tag: 'Shares', auth: 'field' } as const
const OWNING = [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FULL', 'SPOOL_FAILED'] as const

export const createShare = operation({
  ...ofOwners,
  id: 'createShare',
  summary: 'Shares files, or a folder',
  description:
    'Everyone who has the address opens a page with the files, without a token. The share lives in ' +
    'the ledger: it outlives a restart, and is gone with the disk.',
  body: NewShareFields,
  answers: {
    201: { description: 'The share.', headers: ['Cache-Control'], body: OwnShare },
  },
  refusals: [...OWNING, 'MESSAGE_NOT_FOUND', 'FOLDER_NOT_FOUND', 'TOO_MANY_SHARES', 'BUSY'],
})

export const listShares = operation({
  tag: 'Shares',
  auth: 'link',
  id: 'listShares',
  summary: 'Lists the shares of the user',
  description:
    'Those that can be used first, then those that have ended, for 30 days; of each kind the newest first.',
  query: SharesQuery,
  answers: {
    200: {
      description: 'All shares.',
      headers: ['Cache-Control'],
      body: z.object({
        items: z.array(OwnShare).meta({ description: 'The shares.', examples: [[]] }),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING'],
})

export const changeShare = operation({
  ...ofOwners,
  id: 'changeShare',
  summary: 'Changes a share',
  description:
    'What is left out stays; `null` takes away a title, a password or a limit. With another password ' +
    'all who know the old one are asked again.',
  params: ShareParams,
  body: ShareChanges,
  answers: {
    200: { description: 'The share as it is now.', headers: ['Cache-Control'], body: OwnShare },
  },
  refusals: [...OWNING, 'SHARE_NOT_FOUND', 'SHARE_ENDED', 'BUSY'],
})

export const endShare = operation({
  ...ofOwners,
  id: 'endShare',
  summary: 'Ends a share',
  description: 'Its address opens nothing any more. Again it is the same answer.',
  params: ShareParams,
  body: EndShareFields,
  answers: { 204: { description: 'The share has ended.' } },
  refusals: [...OWNING, 'SHARE_NOT_FOUND'],
})
