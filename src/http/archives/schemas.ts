import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../core/model/library/folder-tree.ts'
import { fileName, linkToken, MAX_MESSAGE_ID } from '../bodies/validation.ts'
import { Conditions, OF_FILES, Ranges, VALIDATORS } from '../schemas/downloads.ts'
import { type Operation, operation } from '../schemas/openapi/operation.ts'
import { OF_TELEGRAM, OF_TOKENS } from '../schemas/openapi/refusals.ts'

/** Files that are named one by one. */
const MAX_ITEMS = 500

const ids = z
  .array(z.int().min(1).max(MAX_MESSAGE_ID))
  .min(1)
  .transform((all) => [...new Set(all)])
  .refine((all) => all.length <= MAX_ITEMS, `expected ${MAX_ITEMS} different ids at most`)
const folder = z.string().max(MAX_PATH_BYTES)

/** What a ticket for an archive names, as JSON has it. */
export const archiveItems = ids.meta({
  description: 'Instead of `messageId`: message ids of up to 500 files, for a link to an archive.',
  examples: [[42, 43]],
})
export const archiveFolder = folder.meta({
  description:
    'Instead of `messageId`: path of a folder, for a link to an archive of all that is below it.',
  examples: ['/Photos'],
})

export const ArchiveQuery = z.object({
  items: z
    .string()
    .regex(/^\d{1,10}(,\d{1,10})*$/, 'expected message ids with commas between them')
    .transform((text) => text.split(',').map(Number))
    .pipe(ids)
    .meta({
      description: 'Message ids of up to 500 files, with commas between them.',
      examples: ['42,43'],
    })
    .optional(),
  folder: folder
    .meta({
      description: 'Instead of `items`: path of a folder, with all that is below it.',
      examples: ['/Photos'],
    })
    .optional(),
  token: linkToken.optional(),
  fileName: fileName
    .meta({
      description: 'The name of the archive; by default that of the folder, or a date.',
      examples: ['Photos.zip'],
    })
    .optional(),
})

const bytes = z.file().meta({ description: 'The ZIP file.', examples: ['(the bytes)'] })

const common = {
  tag: 'Downloads',
  auth: 'link',
  query: ArchiveQuery,
  refusals: [
    ...OF_TOKENS,
    ...OF_TELEGRAM,
    'TOKEN_MISSING',
    'FORBIDDEN',
    'MESSAGE_NOT_FOUND',
    'FOLDER_NOT_FOUND',
    'PRECONDITION_FAILED',
    'RANGE_NOT_SATISFIABLE',
    'FILE_TOO_LARGE',
    'BUSY',
  ],
} satisfies Partial<Operation>

export const downloadArchive = operation({
  ...common,
  id: 'downloadArchive',
  summary: 'Downloads many files or a folder as one ZIP file',
  description:
    'The token is a login token, with `items` or `folder`; or a ticket that was made for an archive, ' +
    'which says itself what is in it. A download token opens no archive. Nothing is compressed, so ' +
    'the size is known and a download that broke off goes on: with a range, the archive is the one ' +
    'that was asked for last in the same words, for a day. The names in it are such that it unpacks ' +
    'everywhere. Where the CRC-32 of a file is not known yet, the archive is sent without ranges, ' +
    'whole, and from then on with them. An archive has 65,535 files at the most.',
  headers: Ranges,
  answers: {
    200: {
      description: 'The whole archive.',
      body: { 'application/zip': bytes },
      headers: OF_FILES,
    },
    206: {
      description: 'The requested ranges. More than one come as `multipart/byteranges`.',
      body: { '*/*': bytes },
      headers: [...OF_FILES, 'Content-Range'],
    },
    304: { description: 'The caller has the current archive.', headers: VALIDATORS },
  },
})

export const headArchive = operation({
  ...common,
  id: 'archiveHead',
  summary: 'Returns the headers of an archive',
  description:
    'The headers are those of the whole archive, with ranges ignored. Errors have no body either.',
  headers: Conditions,
  answers: {
    200: { description: 'The headers of the whole archive.', headers: OF_FILES },
    304: { description: 'The caller has the current archive.', headers: VALIDATORS },
  },
})
