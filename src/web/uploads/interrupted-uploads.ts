import { type Client, withRetries } from 'telestore-client'
import { isInterrupted, patchMeta, type UploadEngine } from './upload-file.ts'

export interface InterruptedOptions {
  client: Client
  signal: AbortSignal
  /** Resumes a file whose bytes are all at the worker. */
  start: (id: string) => void
  onFailure: (error: unknown) => void
}

/** What the worker knows of one upload. */
interface Known {
  /** It is completed or has failed; following it tells which. */
  hasEnded: boolean
  storedBytes: number
}

/** The most jobs that the worker lists at once. */
const MAX_JOBS = 200
const ATTEMPTS = 10
/** A chunk that was on its way when the page was left may arrive a little later. */
const CHECK_AGAIN_AFTER_MS = [2000, 8000]

/**
 * Asks the worker what it has of the files whose upload a reload has interrupted: it may be more than
 * the page knows, or nothing any more. An upload whose bytes are all there is resumed without its file.
 * Checks now, twice more soon, and whenever the returned function is called.
 */
export function checkInterruptedUploads(
  uppy: UploadEngine,
  options: InterruptedOptions,
): () => void {
  const { client, signal, start, onFailure } = options
  let isChecking = false

  async function check(): Promise<void> {
    const waiting = () =>
      uppy.getFiles().filter((file) => isInterrupted(file) && file.meta.uploadId !== null)
    if (isChecking || waiting().length === 0) return
    isChecking = true
    try {
      const ask = () => client.get(`/jobs?limit=${MAX_JOBS}`, { signal })
      const known = readJobs(await withRetries(ask, { attempts: ATTEMPTS, signal }))
      for (const { id } of waiting()) await settle(id, known).catch(tell)
    } finally {
      isChecking = false
    }
  }

  async function settle(id: string, known: Map<string, Known>): Promise<void> {
    const file = uppy.getFile(id)
    if (!file || !isInterrupted(file)) return
    const { size, meta } = file
    const uploadId = meta.uploadId ?? ''
    const found = known.get(uploadId)
    // The answer is full, so the upload may be among those that it leaves out.
    if (!found && known.size >= MAX_JOBS) return
    if (!found) return patchMeta(uppy, id, { uploadId: null, storedBytes: 0 })
    patchMeta(uppy, id, { storedBytes: found.storedBytes })
    if (found.storedBytes !== size && !found.hasEnded) return
    // The upload may be completed already; doing it again is harmless.
    if (!found.hasEnded) await client.complete(uploadId, { signal })
    const now = uppy.getFile(id)
    if (!now || !isInterrupted(now)) return
    patchMeta(uppy, id, { sealed: true })
    start(id)
  }

  const tell = (error: unknown): void => {
    if (!signal.aborted) onFailure(error)
  }
  const checkNow = (): void => void check().catch(tell)
  const timers = [0, ...CHECK_AGAIN_AFTER_MS].map((ms) => setTimeout(checkNow, ms))
  signal.addEventListener('abort', () => timers.forEach(clearTimeout), { once: true })
  return checkNow
}

/** Parses the answer of `GET /jobs`, by uploadId. Skips what is no job. */
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
