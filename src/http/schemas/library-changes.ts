import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../core/model/library/folder-tree.ts'
import { fileName, MAX_MESSAGE_ID, token } from '../bodies/validation.ts'
import { count } from './answer-fields.ts'
import { LibraryFolder, LibraryItem, LibraryItemParams } from './library.ts'
import { operation } from './openapi/operation.ts'
import { OF_TELEGRAM, OF_TOKENS, WITH_BODY } from './openapi/refusals.ts'
import { PROGRESS_EXAMPLE, Progress } from './progress.ts'

const MAX_ITEMS = 1_000

const path = (description: string, example: string) =>
  z
    .string()
    .min(1)
    .max(MAX_PATH_BYTES)
    .meta({ description, examples: [example] })

const authToken = token.optional()

export const PlaceFields = z
  .object({
    fileName: fileName.optional(),
    folder: z
      .string()
      .max(MAX_PATH_BYTES)
      .optional()
      .meta({
        description: 'Path of the folder into which the file is moved; missing folders are made.',
        examples: ['/Photos/2026'],
      }),
    authToken,
  })
  .refine(({ fileName: name, folder: place }) => name !== undefined || place !== undefined, {
    error: 'expected fileName, folder, or both',
    path: ['fileName'],
  })

export const NewFolderFields = z.object({
  path: path('Path of the folder; those around it are made as well.', '/Photos/2026'),
  authToken,
})
export const MoveFolderFields = z.object({
  path: path('The new path: another name, another place, or both.', '/Holidays/Rome'),
  authToken,
})
export const FolderQuery = z.object({ path: path('Path of the folder.', '/Photos') })
export const DeleteFolderQuery = FolderQuery.extend({
  recursive: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'Whether all that is in the folder is deleted too.', examples: ['true'] }),
})

const items = z
  .array(z.int().min(1).max(MAX_MESSAGE_ID))
  .min(1)
  .max(MAX_ITEMS)
  .meta({ description: 'Message ids of up to 1,000 files.', examples: [[42, 43]] })

export const TargetFields = z.object({
  items,
  folder: z
    .string()
    .max(MAX_PATH_BYTES)
    .meta({
      description: 'Path of the folder; missing folders are made. `/` is the root.',
      examples: ['/Photos/2026'],
    }),
  authToken,
})
export const DeleteItemsFields = z.object({ items, authToken })

const CHANGING = [
  ...OF_TOKENS,
  'TOKEN_MISSING',
  ...OF_TELEGRAM,
  'SPOOL_FULL',
  'SPOOL_FAILED',
] as const
const OF_JOBS = [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FULL', 'SPOOL_FAILED'] as const

const HOW =
  'Telegram is changed first, and then the library. Where Telegram asks to wait for longer than ten ' +
  'seconds, the answer is 429 with `Retry-After`.'
const JOB =
  'The answer is a job, whose progress is shown as that of an upload: by `GET /upload-progress/` with ' +
  'its `uploadId`, over the socket, and in `GET /jobs`. It waits where Telegram asks for it, and goes ' +
  'on after a restart of the worker.'

const accepted = { 202: { description: 'The job has begun.', body: Progress } } as const

/** A job among others. */
export const Change = Progress.extend({
  kind: z
    .enum(['move', 'copy', 'delete'])
    .meta({ description: 'What the job does.', examples: ['move'] }),
  folder: z
    .string()
    .nullable()
    .meta({ description: 'Where files are moved or copied to.', examples: ['/Photos'] }),
  total: count('Number of messages that the job is about.', 120),
  done: count('Number of those that are changed.', 70),
  failed: count('Number of those that could not be changed.', 0),
  createdAt: z.string().meta({
    ...{ format: 'date-time', examples: ['2026-11-29T04:26:55.000Z'] },
    description: 'When the job was opened.',
  }),
}).meta({
  id: 'LibraryChange',
  description: 'A job that changes the library.',
  examples: [
    {
      ...PROGRESS_EXAMPLE,
      ...{ uploadId: 'library-3q2-796tvu_erb7v3q2-7w', phase: 'changing', kind: 'move' },
      ...{ folder: '/Photos', total: 120, done: 70, failed: 0 },
      createdAt: '2026-11-29T04:26:55.000Z',
    },
  ],
})

export const placeItem = operation({
  id: 'placeLibraryItem',
  tag: 'Library',
  summary: 'Renames or moves a file',
  description:
    'The caption of its message is edited; what people have written beside it stays. Two files of one ' +
    `name in one folder are legal. ${HOW}`,
  auth: 'field',
  params: LibraryItemParams,
  body: PlaceFields,
  answers: { 200: { description: 'The file as it is now.', body: LibraryItem } },
  refusals: [...CHANGING, 'MESSAGE_NOT_FOUND', 'NOT_EDITABLE'],
})

export const deleteItem = operation({
  id: 'deleteLibraryItem',
  tag: 'Library',
  summary: 'Deletes a file in Telegram',
  description: `A file that does not exist counts as deleted. ${HOW}`,
  auth: 'bearer',
  params: LibraryItemParams,
  answers: { 204: { description: 'The file is gone.' } },
  refusals: [...CHANGING, ...WITH_BODY, 'NOT_DELETABLE'],
})

export const makeFolder = operation({
  id: 'makeFolder',
  tag: 'Library',
  summary: 'Makes a folder',
  description: `It is a message of its own in the channel, and is made once. ${HOW}`,
  auth: 'field',
  body: NewFolderFields,
  answers: {
    200: { description: 'The folder was there already.', body: LibraryFolder },
    201: { description: 'The folder is made.', body: LibraryFolder },
  },
  refusals: CHANGING,
})

export const moveFolder = operation({
  id: 'moveFolder',
  tag: 'Library',
  summary: 'Renames or moves a folder',
  description: `With all that is in it: one message is edited, however many files there are. ${HOW}`,
  auth: 'field',
  query: FolderQuery,
  body: MoveFolderFields,
  answers: { 200: { description: 'The folder at its new path.', body: LibraryFolder } },
  refusals: [
    ...CHANGING,
    ...(['FOLDER_NOT_FOUND', 'FOLDER_EXISTS', 'MESSAGE_NOT_FOUND', 'NOT_EDITABLE'] as const),
  ],
})

export const deleteFolder = operation({
  id: 'deleteFolder',
  tag: 'Library',
  summary: 'Deletes a folder',
  description:
    'An empty one at once. With `recursive=true` all files in it and below are deleted in Telegram as ' +
    `well, by a job. ${HOW}`,
  auth: 'bearer',
  query: DeleteFolderQuery,
  answers: { 204: { description: 'The folder is gone.' }, ...accepted },
  refusals: [
    ...CHANGING,
    ...WITH_BODY,
    ...(['FOLDER_NOT_FOUND', 'FOLDER_NOT_EMPTY', 'NOT_DELETABLE'] as const),
  ],
})

export const moveItems = operation({
  id: 'moveLibraryItems',
  tag: 'Library',
  summary: 'Moves files into a folder',
  description: JOB,
  auth: 'field',
  body: TargetFields,
  answers: accepted,
  refusals: OF_JOBS,
})

export const copyItems = operation({
  id: 'copyLibraryItems',
  tag: 'Library',
  summary: 'Copies files into a folder',
  description: `A copy is a new message with the same document: no bytes are moved. ${JOB}`,
  auth: 'field',
  body: TargetFields,
  answers: accepted,
  refusals: OF_JOBS,
})

export const deleteItems = operation({
  id: 'deleteLibraryItems',
  tag: 'Library',
  summary: 'Deletes files in Telegram',
  description: `A thousand files are ten requests to Telegram. ${JOB}`,
  auth: 'field',
  body: DeleteItemsFields,
  answers: accepted,
  refusals: OF_JOBS,
})
