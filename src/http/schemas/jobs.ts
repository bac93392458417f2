import { z } from 'zod'
import { linkToken, wholeNumber } from '../bodies/validation.ts'
import { count, fileNameOut } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'
import { OF_TOKENS } from './openapi/refusals.ts'
import { Progress } from './progress.ts'

const MAX_JOBS = 200
const DEFAULT_JOBS = 50

export const JobsQuery = z.object({
  limit: wholeNumber(1, MAX_JOBS)
    .default(DEFAULT_JOBS)
    .meta({ description: 'How many, 200 at most.', examples: [50] }),
  token: linkToken.optional(),
})

const DATE = { format: 'date-time', examples: ['2025-11-04T10:00:00.000Z'] }

const Job = Progress.extend({
  fileName: fileNameOut("The file's name."),
  fileSize: count('Its size in bytes.', 104_857_600),
  mimeType: z.string().meta({ description: 'Its type.', examples: ['video/mp4'] }),
  receivedBytes: count('Bytes of it that the worker has had.', 52_428_800),
  createdAt: z.string().meta({ ...DATE, description: 'When it was opened.' }),
  finishedAt: z
    .string()
    .nullable()
    .meta({ ...DATE, description: 'When it ended; null before.' }),
}).meta({ id: 'Job', description: 'One upload among the others of its owner.' })

export const listJobs = operation({
  id: 'jobs',
  tag: 'Progress',
  summary: "What became of the caller's uploads",
  description:
    'Unfinished ones, newest first; then those that ended within the hour, newest first.',
  auth: 'link',
  query: JobsQuery,
  answers: {
    200: {
      description: 'The uploads.',
      headers: ['Cache-Control'],
      body: z.object({
        jobs: z.array(Job).meta({ description: 'Unfinished ones first.', examples: [[]] }),
      }),
    },
  },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'SPOOL_FAILED'],
})
