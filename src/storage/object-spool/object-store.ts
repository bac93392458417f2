import { createHash } from 'node:crypto'
import type { CircuitStatus } from '../../core/ports/health.ts'
import { BYTES_LOST } from '../../core/ports/spool.ts'
import { AppError } from '../../errors.ts'
import { createSemaphore } from '../../lib/concurrency/semaphore.ts'
import {
  type CircuitBreakerOptions,
  createCircuitBreaker,
  type PeerHealth,
} from '../../lib/waiting/circuit-breaker.ts'
import { backoff, retry } from '../../lib/waiting/retry.ts'
import {
  assertSuccess,
  escapeXml,
  type ObjectList,
  readDeleteErrors,
  readList,
  readXml,
  S3Refusal,
} from './s3-answer.ts'
import {
  createS3Connections,
  type S3Address,
  type S3Answer,
  type S3Body,
  type S3Request,
} from './s3-request.ts'

export interface ListOptions {
  prefix: string
  /** Whether what lies behind the next slash is only named by what it begins with. */
  byFolder?: boolean
}

/**
 * An S3-compatible store. Calls reject with SPOOL_FAILED where it cannot be asked or refuses, and
 * SPOOL_FULL where it has no room; a call is tried again first where that can help.
 */
export interface ObjectStore {
  /** Stores an object; the store checks its bytes by their digest. */
  put: (key: string, body: S3Body) => Promise<void>
  /**
   * Runs `take` with the object's bytes as they come; it may run again, from the start. Rejects with
   * SPOOL_DAMAGED where there is no such object, and with the error of `take`.
   */
  get: <T>(key: string, take: (bytes: AsyncIterable<Uint8Array>) => Promise<T>) => Promise<T>
  copy: (from: string, to: string) => Promise<void>
  /** All pages of a list, one after another. */
  list: (options: ListOptions) => AsyncGenerator<ObjectList>
  /** Removes objects; harmless for those that are not there. */
  remove: (keys: readonly string[]) => Promise<void>
  /** Rejects where the bucket cannot be reached. */
  check: () => Promise<void>
  readonly circuit: CircuitStatus
  close: () => void
}

export interface ObjectStoreOptions extends S3Address {
  /** Milliseconds without a byte after which a request is given up. */
  idleMs?: number
  /** How often a request is sent in all. */
  attempts?: number
  circuit?: Omit<CircuitBreakerOptions, 'refuse'>
}

const IDLE_MS = 15_000
const ATTEMPTS = 4
/** Requests at one time. */
const MAX_REQUESTS = 64
/** The most that S3 takes in one call. */
const MAX_REMOVED = 1000

/** The same request may succeed. */
const RETRYABLE_STATUS = new Set([408, 429, 500, 502, 503, 504])
/** Bytes were damaged on their way, or came too slowly. */
const RETRYABLE_CODE = new Set(['BadDigest', 'XAmzContentSHA256Mismatch', 'RequestTimeout'])
const FULL = /^(?:QuotaExceeded|InsufficientStorage|InsufficientCapacity|XMinioStorageFull)$/
/** The store does not know the call. */
const UNKNOWN_CALL = new Set([405, 501])

export function createObjectStore(options: ObjectStoreOptions): ObjectStore {
  const { idleMs = IDLE_MS, attempts = ATTEMPTS, bucket } = options
  const connections = createS3Connections(options, idleMs)
  const places = createSemaphore(MAX_REQUESTS)
  const breaker = createCircuitBreaker({
    ...options.circuit,
    refuse: (retryAfter, cause) => storeFailed(cause, retryAfter),
  })
  const { signal } = new AbortController()
  let removesMany = true

  /** Sends the request, as often as can help, and takes its answer. */
  async function ask<T>(request: S3Request, take: (answer: S3Answer) => Promise<T>): Promise<T> {
    const once = async (): Promise<T> => {
      const answer = await connections.send(request)
      try {
        await assertSuccess(answer)
        return await take(answer)
      } finally {
        answer.destroy()
      }
    }
    const leave = await places.acquire(1, signal)
    try {
      return await retry(() => breaker.run(once, { ofError: healthOf }), {
        attempts,
        delayFor: (error, attempt) =>
          mayHelp(error) ? backoff(attempt, { baseMs: 200, capMs: 3_000 }) : null,
      })
    } catch (error) {
      throw toStoreError(error)
    } finally {
      leave()
    }
  }

  async function removeMany(keys: readonly string[]): Promise<void> {
    const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join('')
    const bytes = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`)
    const body = {
      size: bytes.length,
      digest: createHash('sha256').update(bytes).digest('hex'),
      read: () => only(bytes),
    }
    const md5 = createHash('md5').update(bytes).digest('base64')
    const errors = await ask(
      { method: 'POST', query: { delete: '' }, headers: { 'Content-MD5': md5 }, body },
      readDeleteErrors,
    )
    const [code] = errors.filter((found) => found !== 'NoSuchKey')
    if (code !== undefined) throw storeFailed(new Error(`the store answered ${code}`))
  }

  async function removeEach(keys: readonly string[]): Promise<void> {
    await Promise.all(
      keys.map((key) => ask({ method: 'DELETE', key }, readAll).catch(unlessMissing)),
    )
  }

  return {
    put: (key, body) => ask({ method: 'PUT', key, body }, readAll),
    get: (key, take) => ask({ method: 'GET', key }, take),
    copy: (from, to) =>
      ask(
        { method: 'PUT', key: to, headers: { 'X-Amz-Copy-Source': `/${bucket}/${from}` } },
        readAll,
      ),
    list: async function* ({ prefix, byFolder = false }) {
      for (let next: string | null = ''; next !== null; ) {
        const query = {
          'list-type': '2',
          prefix,
          ...(byFolder && { delimiter: '/' }),
          ...(next !== '' && { 'continuation-token': next }),
        }
        const page: ObjectList = await ask({ method: 'GET', query }, readList)
        yield page
        next = page.next
      }
    },
    remove: async (keys) => {
      for (let at = 0; at < keys.length; at += MAX_REMOVED) {
        const some = keys.slice(at, at + MAX_REMOVED)
        if (removesMany && some.length > 1) {
          try {
            await removeMany(some)
            continue
          } catch (error) {
            if (!isUnknownCall(error)) throw error
            removesMany = false
          }
        }
        await removeEach(some)
      }
    },
    check: () => ask({ method: 'HEAD' }, readAll),
    get circuit() {
      return { state: breaker.state, retryAfter: breaker.retryAfter }
    },
    close: connections.close,
  }
}

/** To the end, so that its connection serves another request. */
async function readAll(answer: S3Answer): Promise<void> {
  await readXml(answer)
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

/** What a failure says of the store itself. */
function healthOf(error: unknown): PeerHealth {
  // What became of the bytes here says nothing of where they came from.
  if (error instanceof AppError) return 'unknown'
  if (error instanceof S3Refusal) return error.status >= 500 ? 'unhealthy' : 'healthy'
  return 'unhealthy'
}

function mayHelp(error: unknown): boolean {
  if (error instanceof AppError) return false
  if (!(error instanceof S3Refusal)) return true
  return RETRYABLE_STATUS.has(error.status) || RETRYABLE_CODE.has(error.code)
}

function toStoreError(error: unknown): unknown {
  if (error instanceof AppError) return error
  if (error instanceof S3Refusal) {
    if (error.code === 'NoSuchKey')
      return new AppError('SPOOL_DAMAGED', BYTES_LOST, { cause: error })
    if (error.status === 507 || FULL.test(error.code)) {
      return new AppError('SPOOL_FULL', 'There is no room left for this file', {
        cause: error,
        retryAfter: 60,
      })
    }
  }
  return storeFailed(error)
}

export function storeFailed(cause?: unknown, retryAfter = 10): AppError {
  return new AppError('SPOOL_FAILED', 'The object store cannot be used right now', {
    cause,
    retryAfter,
  })
}

function isUnknownCall(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : null
  return cause instanceof S3Refusal && UNKNOWN_CALL.has(cause.status)
}

function unlessMissing(error: unknown): void {
  if (error instanceof AppError && error.code === 'SPOOL_DAMAGED') return
  throw error
}
