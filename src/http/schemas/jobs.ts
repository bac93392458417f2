import { z } from 'zod'
import { linkToken, wholeNumber } from '../bodies/validation.ts'
import { count, fileNameOut } from './answer-fields.ts'
import { Change } from './library-changes.ts'
import { operation } from './openapi/operation.ts'
import { OF_TOKENS } from './openapi/refusals.ts'
import { PROGRESS_EXAMPLE, Progress } from './progress.ts'

const MAX_JOBS = 200
const DEFAULT_JOBS = 50

export const JobsQuery = z.object({
  limit: wholeNumber(1, MAX_JOBS)
    .default(DEFAULT_JOBS)
    .meta({ description: 'Number of uploads, 200 at most.', examples: [50] }),
  token: linkToken.optional(),
})

const DATE = { format: 'date-time', examples: ['2025-11-04T10:00:00.000Z'] }

const Job = Progress.extend({
  fileName: fileNameOut("The file's name."),
  fileSize: count('Size of the file in bytes.', 104_857_600),
  mimeType: z.string().meta({ description: 'Type of the file.', examples: ['video/mp4'] }),
  receivedBytes: count('Bytes of the file that the worker has received.', 52_428_800),
  createdAt: z.string().meta({ ...DATE, description: 'When the upload was opened.' }),
  finishedAt: z
    .string()
    .nullable()
    .meta({ ...DATE, description: 'When the upload ended; null before that.' }),
}).meta({
  id: 'Job',
  description: 'One upload of a user, with its progress.',
  examples: [
    {
      ...PROGRESS_EXAMPLE,
      fileName: 'holiday.mp4',
      fileSize: 104_857_600,
      mimeType: 'video/mp4',
      receivedBytes: 104_857_600,
      createdAt: '2025-11-04T10:00:00.000Z',
      finishedAt: null,
    },
  ],
})

export const listJobs = operation({
  id: 'jobs',
  tag: 'Progress',
  summary: 'Lists the uploads of the caller',
  description:
    'First the unfinished uploads, then those that ended within the last hour; the newest is first ' +
    'in both.',
  auth: 'link',
  query: JobsQuery,
  answers: {
    200: {
      description: 'The uploads.',
      headers: ['Cache-Control'],
      body: z.object({
        jobs: z.array(Job).meta({ description: 'The uploads, in this order.', examples: [[]] }),
        changes: z.array(Change).meta({
          description: 'Jobs that move, copy or delete files of the library, in the same order.',
          examples: [[]],
        }),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FAILED'],
})
