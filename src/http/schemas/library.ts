import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../core/model/library/folder-tree.ts'
import { FILE_KINDS } from '../../core/model/library/kind.ts'
import { linkToken, MAX_MESSAGE_ID, messageId, token, wholeNumber } from '../bodies/validation.ts'
import { count, fileNameOut } from './answer-fields.ts'
import { ifNoneMatch } from './downloads.ts'
import { operation } from './openapi/operation.ts'
import { OF_TELEGRAM, OF_TOKENS } from './openapi/refusals.ts'

const MAX_ITEMS = 500
const DEFAULT_ITEMS = 100
/** Characters of a search. */
const MAX_QUERY = 200
const MAX_CURSOR = 2_000

export const LibraryQuery = z.object({
  folder: z
    .string()
    .max(MAX_PATH_BYTES)
    .default('/')
    .meta({ description: 'Path of the folder, such as `/Photos/2026`.', examples: ['/Photos'] }),
  q: z
    .string()
    .max(MAX_QUERY)
    .default('')
    .meta({
      description:
        'Words that the name must have, in any order, also inside of its words. Accents and capitals ' +
        'make no difference.',
      examples: ['holiday'],
    }),
  recursive: z
    .enum(['true', 'false'])
    .optional()
    .meta({
      description:
        'Whether files of all folders below are listed as well; `true` by default where there is a `q`.',
      examples: ['true'],
    }),
  kind: z
    .enum(FILE_KINDS)
    .optional()
    .meta({ description: 'Only files of this kind.', examples: ['video'] }),
  sort: z
    .enum(['name', 'size', 'date'])
    .default('name')
    .meta({
      description:
        'Order of the files. Numbers in names are sorted by their value; `date` is when they were posted.',
      examples: ['date'],
    }),
  order: z
    .enum(['asc', 'desc'])
    .optional()
    .meta({
      description: 'By default `asc` for names, and `desc` for sizes and dates.',
      examples: ['desc'],
    }),
  limit: wholeNumber(1, MAX_ITEMS)
    .default(DEFAULT_ITEMS)
    .meta({ description: 'Files of a page, and folders too; 500 at most.', examples: [100] }),
  cursor: z
    .string()
    .regex(/^[\w-]*$/, 'is not one of this query')
    .max(MAX_CURSOR)
    .optional()
    .meta({
      description: '`next` of the page before. All other fields but `limit` must be the same.',
      examples: ['q83vEjRWeJq83vEjWyJzdGFydCIsImVuZCJd'],
    }),
  token: linkToken.optional(),
})

export const LibraryItemParams = z.object({ messageId })
export const LibraryItemQuery = z.object({ token: linkToken.optional() })
/** The body may be missing: the token may be in the header. */
export const RescanFields = z.object({ authToken: token.optional() }).nullish()

const DATE = { format: 'date-time', examples: ['2026-11-29T04:26:55.000Z'] }
const path = (description: string, example: string) =>
  z
    .string()
    .regex(/^\//)
    .meta({ description, examples: [example] })

export const LibraryItem = z
  .object({
    messageId: z
      .int()
      .min(1)
      .max(MAX_MESSAGE_ID)
      .meta({
        description: "Id of the file's message in the channel: the handle for downloads.",
        examples: [42],
      }),
    fileName: fileNameOut("The file's name."),
    folder: path('Where the file is shown.', '/Photos'),
    size: count('Size of the file in bytes.', 104_857_600),
    mimeType: z.string().meta({ description: 'Type of the document.', examples: ['video/mp4'] }),
    kind: z.enum(FILE_KINDS).meta({ description: 'What sort of file it is.', examples: ['video'] }),
    createdAt: z.string().meta({ ...DATE, description: 'When it was posted.' }),
    modifiedAt: z
      .string()
      .nullable()
      .meta({ ...DATE, description: 'When the file was last changed, as its sender says.' }),
    sha256: z
      .string()
      .nullable()
      .meta({
        description: 'SHA-256 in hex; null where it is not known.',
        examples: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      }),
    verified: z.boolean().meta({
      description:
        'Whether this worker has made the digest of the bytes, as it sent them or read them whole. ' +
        'Otherwise the caption claims it, and all who may edit the post may have changed it.',
      examples: [true],
    }),
    volumes: count(
      'How many documents hold its bytes, as far as they are known: more than one for a large file.',
      1,
    ),
    thumbnail: z
      .boolean()
      .meta({ description: 'Whether Telegram has a small picture of it.', examples: [true] }),
    link: z.string().meta({
      format: 'uri',
      description: "Opens the message in Telegram's apps, for members of the channel.",
      examples: ['https://t.me/c/1234567890/42'],
    }),
    postedBy: z.enum(['telestore', 'telegram']).meta({
      description: "`telestore`: its caption is the worker's. `telegram`: others have posted it.",
      examples: ['telestore'],
    }),
  })
  .meta({ id: 'LibraryItem', description: 'A file of the channel.' })

export const LibraryFolder = z
  .object({
    path: path("The folder's path.", '/Photos'),
    name: z.string().meta({ description: 'Its last name.', examples: ['Photos'] }),
    files: count('Files in it and in all folders below.', 120),
    bytes: count('Bytes of these files.', 1_073_741_824),
  })
  .meta({ id: 'LibraryFolder', description: 'A folder, and what is in it and below.' })

const Sync = z
  .object({
    state: z.enum(['current', 'scanning', 'never', 'unavailable']).meta({
      description:
        '`never`: the channel has not been read yet. `scanning`: it is being read, and more files may ' +
        'come. `current`: the library agreed with the channel at `at`. `unavailable`: a bot without ' +
        '`TELEGRAM_API_ID` cannot see messages, and the library holds what was uploaded here.',
      examples: ['current'],
    }),
    seen: count('Messages that the reading on its way has read.', 0),
    total: z
      .number()
      .int()
      .min(0)
      .nullable()
      .meta({ description: 'About how many there are; null if unknown.', examples: [null] }),
    at: z
      .string()
      .nullable()
      .meta({ ...DATE, description: 'When the library last agreed with the channel, or null.' }),
  })
  .meta({
    description: 'How far the library follows the channel.',
    examples: [{ state: 'current', seen: 0, total: null, at: '2026-11-27T09:30:00.000Z' }],
  })

export const listLibrary = operation({
  id: 'listLibrary',
  tag: 'Library',
  summary: 'Lists a folder, or searches',
  description:
    'Each page has up to `limit` files and up to `limit` folders; `next` leads to the following one. ' +
    'Folders are those inside the folder, by name; with a `q`, those whose names have its words. ' +
    'The answer never waits for Telegram: the channel is looked at in the background, at most once a ' +
    'minute, and the socket says when something has changed.',
  auth: 'link',
  query: LibraryQuery,
  answers: {
    200: {
      description: 'A page of the folder.',
      headers: ['Cache-Control'],
      body: z.object({
        items: z.array(LibraryItem).meta({ description: 'Files, in the order.', examples: [[]] }),
        folders: z.array(LibraryFolder).meta({ description: 'Folders, by name.', examples: [[]] }),
        next: z
          .string()
          .nullable()
          .meta({ description: 'Cursor of the next page, or null.', examples: [null] }),
        sync: Sync,
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'FOLDER_NOT_FOUND', 'SPOOL_FAILED'],
})

export const showLibraryItem = operation({
  id: 'showLibraryItem',
  tag: 'Library',
  summary: 'Returns one file of the library',
  auth: 'link',
  params: LibraryItemParams,
  query: LibraryItemQuery,
  answers: { 200: { description: 'The file.', headers: ['Cache-Control'], body: LibraryItem } },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'MESSAGE_NOT_FOUND', 'SPOOL_FAILED'],
})

export const showThumbnail = operation({
  id: 'showThumbnail',
  tag: 'Library',
  summary: 'Returns a small picture of a file',
  description:
    'A JPEG of at most 320 pixels, which Telegram has; where it has none, the answer is 404. It never ' +
    'changes while the entity tag stays, which is that of the file in `/download`, or for a bot ' +
    'without `TELEGRAM_API_ID` one of its own; such a bot has the pictures of what was posted from ' +
    'here. If Telegram asks to wait for more than some seconds, the answer ' +
    'is 429 with `Retry-After`.',
  auth: 'link',
  params: LibraryItemParams,
  query: LibraryItemQuery,
  headers: z.object({ 'If-None-Match': ifNoneMatch }),
  answers: {
    200: {
      description: 'The picture.',
      headers: ['Cache-Control', 'ETag', 'Content-Length'],
      body: { 'image/jpeg': z.file().meta({ description: 'A JPEG.', examples: ['(the bytes)'] }) },
    },
    304: { description: 'The caller has the picture.', headers: ['Cache-Control', 'ETag'] },
  },
  refusals: [
    ...OF_TOKENS,
    ...OF_TELEGRAM,
    'TOKEN_MISSING',
    'MESSAGE_NOT_FOUND',
    'THUMBNAIL_NOT_FOUND',
    'SPOOL_FAILED',
    'BUSY',
  ],
})

export const rescanLibrary = operation({
  id: 'rescanLibrary',
  tag: 'Library',
  summary: 'Reads the whole channel again',
  description:
    'In the background; `sync` says how far it is. A reading that is on its way goes on. The library ' +
    'can be used meanwhile.',
  auth: 'field',
  body: RescanFields,
  answers: {
    202: {
      description: 'The channel is being read, if its messages can be seen.',
      body: z.object({ sync: Sync }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FAILED'],
})

const LeftoverItem = z
  .object({
    fileName: fileNameOut('The name of the file of which they are pieces.'),
    volumes: count('How many of its volumes are there.', 3),
    of: count('How many volumes the file had.', 12),
    bytes: count('Their bytes.', 1_610_612_736),
    createdAt: z.string().meta({ ...DATE, description: 'When the newest of them was posted.' }),
    messageIds: z
      .array(z.int().min(1).max(MAX_MESSAGE_ID))
      .meta({ description: 'Their messages, a thousand at most.', examples: [[41, 42, 43]] }),
  })
  .meta({ id: 'LibraryLeftover', description: 'Volumes of a file that has no manifest.' })

export const listLeftovers = operation({
  id: 'listLeftovers',
  tag: 'Library',
  summary: 'Lists volumes that belong to no file',
  description:
    'Pieces of large files that nothing names any more: the manifest was deleted, or what was posted of ' +
    'an upload could not be deleted. The newest come first, a hundred files at most. Nothing deletes ' +
    'them by itself: give their `messageIds` to `POST /library/delete`. If all volumes of a file are ' +
    'there, `POST /library/rescan` posts its manifest anew, and the file is in the library again.',
  auth: 'link',
  query: LibraryItemQuery,
  answers: {
    200: {
      description: 'What is left over.',
      headers: ['Cache-Control'],
      body: z.object({
        items: z
          .array(LeftoverItem)
          .meta({ description: 'One entry for each file.', examples: [[]] }),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FAILED'],
})
