import type { FastifyPluginAsync } from 'fastify'
import type { Job, JobList } from '../../core/progress/job-list.ts'
import { parseWire } from '../bodies/validation.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { JobsQuery, listJobs } from '../schemas/jobs.ts'

export interface JobsRoutesOptions {
  jobs: JobList
}

/** `GET /jobs`: the uploads of the token's owner and their results, unfinished ones first. */
export const jobsRoutes: FastifyPluginAsync<JobsRoutesOptions> = async (app, { jobs }) => {
  const listing = { schema: listJobs, config: { presents: { token: 'query' } } } as const
  app.get('/jobs', listing, async (request, reply) => {
    const query = parseWire(JobsQuery, request.query)
    const found = await jobs.of(requireToken(request), query.limit)
    reply.header('cache-control', 'no-store')
    return { jobs: found.map(toWire) }
  })
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
