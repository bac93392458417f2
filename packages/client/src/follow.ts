import { type Caller, parseObject, rawAnswer, readAnswer } from './call.ts'
import { isUnknownUpload, networkError } from './error.ts'
import { readEvents } from './event-stream.ts'
import { sleep } from './lib/sleep.ts'
import { withTimeout } from './lib/with-timeout.ts'
import { withRetries } from './retry.ts'
import type { TransferProgress, UploadWait } from './uploads/upload-api.ts'
import { toProgress } from './wire.ts'

export interface FollowRequest {
  uploadId: string
  signal: AbortSignal
  onProgress: (progress: TransferProgress) => void
  /** Tries in a row. */
  attempts: number
  /** Whether an unknown upload may be one that has not begun yet. */
  mayBegin?: () => boolean
  /** Called with the reason why the next try waits, and with null when it begins. */
  onWait?: (wait: UploadWait | null) => void
}

export interface Follower {
  once: (uploadId: string, signal?: AbortSignal) => Promise<TransferProgress>
  /** Resolves with the last progress of the upload. */
  follow: (request: FollowRequest) => Promise<TransferProgress>
}

const POLL_MS = 1000
/** The worker sends a comment every 15 s. */
const SILENCE_MS = 45_000
/**
 * A browser opens six connections to one address over HTTP/1.1, and an open stream keeps one. The
 * other uploads are polled instead, so that connections are left for chunks.
 */
const MAX_STREAMS = 1

export function createFollower(caller: Caller): Follower {
  let streams = 0
  const path = (uploadId: string): string => `/upload-progress/${encodeURIComponent(uploadId)}`

  const once: Follower['once'] = async (uploadId, signal) =>
    toProgress(await caller.json(path(uploadId), { signal }))

  /** Returns the last progress if this poll or stream has found it, else null: ask again. */
  async function readOnce(request: FollowRequest): Promise<TransferProgress | null> {
    if (streams >= MAX_STREAMS) return report(request, await once(request.uploadId, request.signal))
    streams++
    try {
      return await listen(request)
    } finally {
      streams--
    }
  }

  async function listen(request: FollowRequest): Promise<TransferProgress | null> {
    const { signal, uploadId } = request
    const headers = { accept: 'text/event-stream, application/json;q=0.5' }
    const open = async (timeout: AbortSignal) => {
      const either = AbortSignal.any([signal, timeout])
      const response = await caller.open(path(uploadId), { headers, signal: either })
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      return isStream && response.ok && response.body ? response.body : rawAnswer(response)
    }
    try {
      const answer = await withTimeout(open, { ms: SILENCE_MS, message: 'no answer' })
      if ('status' in answer) return report(request, toProgress(readAnswer(answer)))
      return await readStream(request, answer)
    } catch (error) {
      signal.throwIfAborted()
      throw networkError(error)
    }
  }

  async function follow(request: FollowRequest): Promise<TransferProgress> {
    const { signal, attempts, onWait } = request
    for (;;) {
      const end = await withRetries(() => readOnce(request), { attempts, signal, onWait }).catch(
        (error: unknown) => {
          if (isUnknownUpload(error) && request.mayBegin?.()) return null
          throw error
        },
      )
      if (end) return end
      await sleep(POLL_MS, signal)
    }
  }

  return { once, follow }
}

/**
 * Returns null when the stream ends before the upload does, and when it breaks after an event: proxies
 * cut long answers, and the next stream begins with the present state. Events that are no progress are
 * skipped.
 */
async function readStream(
  request: FollowRequest,
  body: ReadableStream<Uint8Array>,
): Promise<TransferProgress | null> {
  const { signal } = request
  let events = 0
  try {
    for await (const { data } of readEvents(body, SILENCE_MS)) {
      const fields = parseObject(data)
      if (typeof fields?.status !== 'string' || typeof fields.progress !== 'number') continue
      events++
      const end = report(request, toProgress(fields))
      if (end) return end
    }
  } catch (error) {
    if (events === 0) throw error
    signal.throwIfAborted()
  }
  return null
}

/** Reports the progress, and returns it if it is the last one, else null. */
function report(
  { onProgress }: FollowRequest,
  progress: TransferProgress,
): TransferProgress | null {
  onProgress(progress)
  return progress.status === 'uploading' ? null : progress
}
