import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../core/model/library/folder-tree.ts'
import { FILE_KINDS } from '../../core/model/library/kind.ts'
import { MAX_MESSAGE_ID, messageId } from '../bodies/validation.ts'
import { count, fileNameOut } from '../schemas/answer-fields.ts'
import {
  Conditions,
  disposition,
  ifNoneMatch,
  OF_FILES,
  Ranges,
  VALIDATORS,
  WantedDigest,
} from '../schemas/downloads.ts'
import { LibraryFolder } from '../schemas/library.ts'
import { type Operation, operation } from '../schemas/openapi/operation.ts'
import { OF_TELEGRAM } from '../schemas/openapi/refusals.ts'
import { DATE, MAX_PASSWORD, nullableCount, ShareParams } from './owner-schemas.ts'

const MAX_CURSOR = 2_000

export const ShareListQuery = z.object({
  folder: z
    .string()
    .max(MAX_PATH_BYTES)
    .default('/')
    .meta({ description: 'Path of a folder, seen from the shared one.', examples: ['/2026'] }),
  recursive: z
    .enum(['true', 'false'])
    .default('false')
    .meta({
      description: 'Whether files of all folders below are listed too.',
      examples: ['true'],
    }),
  cursor: z
    .string()
    .regex(/^[\w-]*$/, 'is not one of this page')
    .max(MAX_CURSOR)
    .optional()
    .meta({
      description: '`next` of the page before.',
      examples: ['q83vEjRWeJq83vEjWyJzdGFydCJd'],
    }),
  disposition: disposition.default('inline'),
})

export const ArchiveOfShareQuery = ShareListQuery.pick({ folder: true })
export const SharedFileParams = ShareParams.extend({ messageId })
export const SharedFileQuery = z.object({ disposition: disposition.default('inline') })
export const PasswordFields = z.object({
  password: z
    .string()
    .min(1)
    .max(MAX_PASSWORD)
    .meta({ description: "The share's password.", examples: ['correct horse battery staple'] }),
})

const SharedFile = z
  .object({
    messageId: z
      .int()
      .min(1)
      .max(MAX_MESSAGE_ID)
      .meta({ description: 'Names the file in this share.', examples: [42] }),
    fileName: fileNameOut("The file's name."),
    folder: z.string().meta({ description: 'Seen from the shared folder.', examples: ['/'] }),
    size: count('Size of the file in bytes.', 104_857_600),
    mimeType: z.string().meta({ description: 'Type of the document.', examples: ['video/mp4'] }),
    kind: z.enum(FILE_KINDS).meta({ description: 'What sort of file it is.', examples: ['video'] }),
    modifiedAt: z
      .string()
      .nullable()
      .meta({ ...DATE, description: 'When the file was last changed, as its sender says.' }),
    sha256: z
      .string()
      .nullable()
      .meta({
        description: 'SHA-256 in hex, as the caption claims it; null where it claims none.',
        examples: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      }),
    thumbnail: z
      .boolean()
      .meta({ description: 'Whether there is a small picture of it.', examples: [true] }),
  })
  .meta({ id: 'SharedFile', description: 'A file of a share.' })

const SharedFiles = z
  .object({
    title: z
      .string()
      .nullable()
      .meta({ description: 'What stands above the files.', examples: ['Our holiday'] }),
    expiresAt: z.string().meta({ ...DATE, description: 'When the share ends.' }),
    downloadsLeft: nullableCount('Downloads that are left; null: any number of them.', 7),
    total: z
      .object({ files: count('Files in it.', 3), bytes: count('Their bytes.', 104_857_600) })
      .meta({ description: 'Of everything in the share.', examples: [{ files: 3, bytes: 300 }] }),
    isFolder: z.boolean().meta({ description: 'Whether a folder is shared.', examples: [false] }),
    items: z.array(SharedFile).meta({ description: 'Its files, up to 500.', examples: [[]] }),
    folders: z.array(LibraryFolder).meta({
      description: 'Folders in the folder; their paths are seen from the shared one.',
      examples: [[]],
    }),
    next: z
      .string()
      .nullable()
      .meta({
        description: 'The `cursor` of the next page; null: there is none.',
        examples: [null],
      }),
  })
  .meta({ id: 'SharedFiles', description: 'What is in a share.' })

const OPENING = [
  ...['SHARE_PASSWORD_NEEDED', 'SHARE_NOT_FOUND', 'SHARE_ENDED'],
  ...['BACKEND_UNAVAILABLE', 'TELEGRAM_NOT_CONFIGURED', 'SPOOL_FAILED'],
] as const satisfies Operation['refusals']
const READING = [
  ...OPENING,
  ...OF_TELEGRAM,
  ...['MESSAGE_NOT_FOUND', 'FORBIDDEN', 'PRECONDITION_FAILED', 'RANGE_NOT_SATISFIABLE'],
  ...['FILE_TOO_LARGE', 'BUSY', 'SPOOL_FULL'],
] as const satisfies Operation['refusals']

const bytes = z.file().meta({ description: "The file's bytes.", examples: ['(the bytes)'] })
const ofVisitors = { tag: 'Shares', isLink: true } as const

const fileAnswers = {
  200: { description: 'The whole file.', body: { '*/*': bytes }, headers: OF_FILES },
  206: {
    description: 'The requested ranges. More than one come as `multipart/byteranges`.',
    body: { '*/*': bytes },
    headers: [...OF_FILES, 'Content-Range'],
  },
  304: { description: 'The caller has the current file.', headers: VALIDATORS },
} satisfies Operation['answers']

const headAnswers = {
  200: { description: 'The headers of the whole file.', headers: OF_FILES },
  304: { description: 'The caller has the current file.', headers: VALIDATORS },
} satisfies Operation['answers']

export const openShare = operation({
  ...ofVisitors,
  id: 'openShare',
  summary: 'Opens a share',
  description:
    'A browser gets a page, and so do apps that show what is behind a link. A program gets the ' +
    'bytes, where one file is shared, as `GET /download` sends them; else, or with ' +
    '`Accept: application/json`, the list of the files.',
  params: ShareParams,
  query: ShareListQuery,
  headers: Ranges,
  answers: {
    ...fileAnswers,
    200: {
      description: 'The list, the page, or the file.',
      headers: [...OF_FILES, 'Set-Cookie', 'Vary'],
      body: {
        'application/json': SharedFiles,
        'text/html': z.string().meta({ description: 'The page.', examples: ['<!doctype html>'] }),
        '*/*': bytes,
      },
    },
  },
  refusals: [...READING, 'FOLDER_NOT_FOUND'],
})

export const headShare = operation({
  ...ofVisitors,
  id: 'openShareHead',
  summary: 'Returns the headers of a share',
  description: 'Of the page, the list, or the one file. It is never counted.',
  params: ShareParams,
  query: ShareListQuery,
  headers: Conditions.extend(WantedDigest),
  answers: {
    ...headAnswers,
    200: { description: 'The headers.', headers: [...OF_FILES, 'Set-Cookie', 'Vary'] },
  },
  refusals: [...READING, 'FOLDER_NOT_FOUND'],
})

export const unlockShare = operation({
  tag: 'Shares',
  id: 'unlockShare',
  summary: "Shows a share's password",
  description:
    'The answer has a cookie that opens the share for 24 hours, or until the password changes. ' +
    'Ten wrong passwords a minute from one address are looked at, and 60 in all.',
  params: ShareParams,
  body: PasswordFields,
  answers: { 204: { description: 'It is right.', headers: ['Set-Cookie'] } },
  refusals: ['SHARE_PASSWORD_WRONG', 'SHARE_NOT_FOUND', 'SHARE_ENDED', 'SPOOL_FAILED', 'BUSY'],
})

export const sharedFile = operation({
  ...ofVisitors,
  id: 'sharedFile',
  summary: 'Downloads a file of a share, whole or in ranges',
  description: 'As `GET /download` sends it.',
  params: SharedFileParams,
  query: SharedFileQuery,
  headers: Ranges,
  answers: fileAnswers,
  refusals: READING,
})

export const headSharedFile = operation({
  ...ofVisitors,
  id: 'sharedFileHead',
  summary: 'Returns the headers of a file of a share',
  description: 'It is never counted.',
  params: SharedFileParams,
  query: SharedFileQuery,
  headers: Conditions.extend(WantedDigest),
  answers: headAnswers,
  refusals: READING,
})

const archive = {
  ...ofVisitors,
  params: ShareParams,
  query: ArchiveOfShareQuery,
  refusals: [...READING, 'FOLDER_NOT_FOUND'],
} satisfies Partial<Operation>

export const sharedArchive = operation({
  ...archive,
  id: 'sharedArchive',
  summary: 'Downloads all that is shared as one ZIP file',
  description: 'As `GET /archive` sends it. It counts as one download of a visit.',
  headers: Ranges,
  answers: {
    ...fileAnswers,
    200: {
      description: 'The whole archive.',
      body: { 'application/zip': bytes },
      headers: OF_FILES,
    },
  },
})

export const headSharedArchive = operation({
  ...archive,
  id: 'sharedArchiveHead',
  summary: 'Returns the headers of an archive of all that is shared',
  description: 'It is never counted.',
  headers: Conditions,
  answers: headAnswers,
})

export const sharedThumbnail = operation({
  ...ofVisitors,
  id: 'sharedThumbnail',
  summary: 'Returns a small picture of a file of a share',
  description: 'It is never counted.',
  params: SharedFileParams,
  headers: z.object({ 'If-None-Match': ifNoneMatch }),
  answers: {
    200: {
      description: 'The picture.',
      headers: ['Cache-Control', 'ETag'],
      body: { 'image/jpeg': bytes },
    },
    304: { description: 'The caller has it.', headers: ['Cache-Control', 'ETag'] },
  },
  refusals: [...OPENING, ...OF_TELEGRAM, 'MESSAGE_NOT_FOUND', 'THUMBNAIL_NOT_FOUND', 'BUSY'],
})
