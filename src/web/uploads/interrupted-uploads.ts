import { type Client, withRetries } from 'telestore-client'
import { isLeftOver, patchMeta, type UploadEngine } from './upload-file.ts'

export interface LeftOverOptions {
  client: Client
  signal: AbortSignal
  /** Goes on with a file whose bytes are all at the worker. */
  start: (id: string) => void
  onFailure: (error: unknown) => void
}

/** What the worker has of one upload. */
interface Known {
  /** Well or not: following it tells how. */
  hasEnded: boolean
  storedBytes: number
}

/** As many as the worker tells of at once. */
const MAX_JOBS = 200
const ATTEMPTS = 10
/** A chunk that was on its way when the page was left may be there a little later. */
const LOOK_AGAIN_AFTER_MS = [2000, 8000]

/**
 * Asks the worker what it has of the files that a reload has left over: it may be more than the
 * page has heard of, or nothing any more. One that is all there goes on without its file. Looks now,
 * twice more soon, and whenever the returned function is called.
 */
export function lookAfterLeftOvers(uppy: UploadEngine, options: LeftOverOptions): () => void {
  const { client, signal, start, onFailure } = options
  let isLooking = false

  async function look(): Promise<void> {
    const waiting = () =>
      uppy.getFiles().filter((file) => isLeftOver(file) && file.meta.uploadId !== null)
    if (isLooking || waiting().length === 0) return
    isLooking = true
    try {
      const ask = () => client.get(`/jobs?limit=${MAX_JOBS}`, { signal })
      const known = readJobs(await withRetries(ask, { attempts: ATTEMPTS, signal }))
      for (const { id } of waiting()) await settle(id, known).catch(tell)
    } finally {
      isLooking = false
    }
  }

  async function settle(id: string, known: Map<string, Known>): Promise<void> {
    const file = uppy.getFile(id)
    if (!file || !isLeftOver(file)) return
    const { size, meta } = file
    const uploadId = meta.uploadId ?? ''
    const found = known.get(uploadId)
    // It may be among those for which there was no room in the answer.
    if (!found && known.size >= MAX_JOBS) return
    if (!found) return patchMeta(uppy, id, { uploadId: null, storedBytes: 0 })
    patchMeta(uppy, id, { storedBytes: found.storedBytes })
    if (found.storedBytes !== size && !found.hasEnded) return
    // Perhaps it knows already that the file is whole; it may be told twice.
    if (!found.hasEnded) await client.complete(uploadId, { signal })
    const now = uppy.getFile(id)
    if (!now || !isLeftOver(now)) return
    patchMeta(uppy, id, { sealed: true })
    start(id)
  }

  const tell = (error: unknown): void => {
    if (!signal.aborted) onFailure(error)
  }
  const lookNow = (): void => void look().catch(tell)
  const timers = [0, ...LOOK_AGAIN_AFTER_MS].map((ms) => setTimeout(lookNow, ms))
  signal.addEventListener('abort', () => timers.forEach(clearTimeout), { once: true })
  return lookNow
}

/** By uploadId, from `GET /jobs`; what is no job is left out. */
function readJobs(answer: unknown): Map<string, Known> {
  const jobs: unknown = Reflect.get(Object(answer), 'jobs')
  const known = new Map<string, Known>()
  for (const job of Array.isArray(jobs) ? jobs : []) {
    const { uploadId, status, receivedBytes }: Record<string, unknown> = { ...Object(job) }
    if (typeof uploadId !== 'string' || typeof receivedBytes !== 'number') continue
    known.set(uploadId, { hasEnded: status !== 'uploading', storedBytes: receivedBytes })
  }
  return known
}
