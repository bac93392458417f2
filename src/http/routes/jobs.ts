import type { FastifyPluginAsync } from 'fastify'
import type { LibraryChange, LibraryChanging } from '../../core/library/changes/library-changes.ts'
import { formatFolderPath } from '../../core/model/library/folder-path.ts'
import type { Job, JobList } from '../../core/progress/job-list.ts'
import { parseWire } from '../bodies/validation.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { JobsQuery, listJobs } from '../schemas/jobs.ts'

export interface JobsRoutesOptions {
  jobs: JobList
  changing: Pick<LibraryChanging, 'jobs'>
}

/** `GET /jobs`: the uploads of the token's owner, and changes of the library, unfinished ones first. */
export const jobsRoutes: FastifyPluginAsync<JobsRoutesOptions> = async (
  app,
  { jobs, changing },
) => {
  const listing = { schema: listJobs, config: { presents: { token: 'query' } } } as const
  app.get('/jobs', listing, async (request, reply) => {
    const query = parseWire(JobsQuery, request.query)
    const token = requireToken(request)
    const found = await jobs.of(token, query.limit)
    const changes = await changing.jobs(token, query.limit)
    reply.header('cache-control', 'no-store')
    return { jobs: found.map(toWire), changes: changes.map(toChange) }
  })
}

function toChange({ job, progress }: LibraryChange) {
  const { kind, target, total, done, failed, createdAt } = job
  return {
    ...progress,
    ...{ kind, total, done, failed },
    folder: target && formatFolderPath(target),
    createdAt: new Date(createdAt).toISOString(),
  }
}

function toWire({ upload, progress, receivedBytes }: Job) {
  return {
    ...progress,
    fileName: upload.fileName,
    fileSize: upload.size,
    mimeType: upload.mimeType,
    receivedBytes,
    createdAt: new Date(upload.createdAt).toISOString(),
    finishedAt: upload.finishedAt === null ? null : new Date(upload.finishedAt).toISOString(),
  }
}
