/** A finished upload of this user in the worker's list of jobs. */
export interface FinishedJob {
  uploadId: string
  messageId: number
  fileId: string | null
  name: string
  size: number
  /** Media type; empty when it is not known. */
  type: string
  /** Epoch ms. */
  at: number
}

/** Returns the finished uploads in the answer of `GET /jobs`. Skips what is no job. */
export function parseJobs(answer: unknown): FinishedJob[] {
  const jobs: unknown = Reflect.get(Object(answer), 'jobs')
  return Array.isArray(jobs) ? jobs.flatMap((job: unknown) => toFinished(Object(job))) : []
}

function toFinished(job: object): FinishedJob[] {
  const field = (name: string): unknown => Reflect.get(job, name)
  const uploadId = field('uploadId')
  const messageId = field('messageId')
  const name = field('fileName')
  const size = field('fileSize')
  const at = field('finishedAt') ?? field('createdAt')
  if (field('status') !== 'completed') return []
  if (typeof uploadId !== 'string' || typeof messageId !== 'number') return []
  if (typeof name !== 'string' || typeof size !== 'number') return []
  const fileId = field('fileId')
  const type = field('mimeType')
  const time = Date.parse(String(at))
  return [
    {
      uploadId,
      messageId,
      name,
      size,
      type: typeof type === 'string' ? type : '',
      fileId: typeof fileId === 'string' ? fileId : null,
      at: Number.isNaN(time) ? Date.now() : time,
    },
  ]
}
