import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { TeleStoreError, type UploadWait, withRetries } from '../src/client.ts'

beforeEach(() => {
  vi.useFakeTimers()
  return () => void vi.useRealTimers()
})

const network = (): TeleStoreError => new TeleStoreError('NETWORK', 'no answer')
const busy = (retryAfter: number | null): TeleStoreError =>
  new TeleStoreError('BUSY', 'busy', { status: 503, retryAfter })

test('the wait doubles from try to try, and ends at 30 seconds', async () => {
  const { at, ended } = run(() => network(), { attempts: 9 })

  await vi.runAllTimersAsync()

  await expect(ended).rejects.toMatchObject({ code: 'NETWORK' })
  const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0))
  const longest = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
  for (const [index, ms] of longest.entries()) {
    expect(waits[index]).toBeGreaterThanOrEqual(ms / 2)
    expect(waits[index]).toBeLessThanOrEqual(ms)
  }
})

test('a wait that the worker asks for is kept, and reported', async () => {
  const { at, waits, ended } = run((attempt) => (attempt < 3 ? busy(7) : null))

  await vi.runAllTimersAsync()

  expect(await ended).toBe('done')
  expect(at[1]).toBeGreaterThanOrEqual(7000)
  expect(at[1]).toBeLessThanOrEqual(7500)
  expect(waits.map((wait) => wait?.on ?? null)).toEqual(['worker', null, 'worker', null])
})

test.each([
  ['the token', new TeleStoreError('TOKEN_REFUSED', 'sign in', { status: 401 })],
  ['a fault of the worker', new TeleStoreError('INTERNAL', 'fault', { status: 500 })],
  ['an error of the program', new RangeError('a bug')],
])('an error about %s is not retried', async (_name, error) => {
  const { at, ended } = run(() => error)

  await expect(ended).rejects.toBe(error)
  expect(at).toEqual([0])
})

test.each([
  ['408', 408],
  ['429', 429],
  ['502 of a proxy', 502],
])('an answer with %s is retried', async (_name, status) => {
  const code = status === 502 ? 'BAD_ANSWER' : 'TOO_MANY_REQUESTS'
  const { at, ended } = run((attempt) =>
    attempt === 1 ? new TeleStoreError(code, 'later', { status }) : null,
  )

  await vi.runAllTimersAsync()

  expect(await ended).toBe('done')
  expect(at).toHaveLength(2)
})

test('a try that fails without a network does not count, and the next one waits for the network', async () => {
  const navigator = { onLine: true }
  vi.stubGlobal('navigator', navigator)
  onTestFinished(() => void vi.unstubAllGlobals())
  const { at, waits, ended } = run(
    (attempt) => {
      if (at.length > 1) return null
      navigator.onLine = false
      return attempt === 1 ? network() : null
    },
    { attempts: 1 },
  )

  await vi.advanceTimersByTimeAsync(60_000)
  const triesOffline = at.length
  navigator.onLine = true
  await vi.advanceTimersByTimeAsync(5000)

  expect(await ended).toBe('done')
  expect([triesOffline, at.length]).toEqual([1, 2])
  expect(waits).toEqual([{ on: 'network', seconds: null }, null])
})

test.each(['WINDOW_FULL', 'SPOOL_FULL', 'QUOTA_EXCEEDED', 'TOO_MANY_UPLOADS'])(
  'a try for which the worker has no room (%s) does not count',
  async (code) => {
    const full = new TeleStoreError(code, 'later', { status: 507, retryAfter: 60 })
    const { at, ended } = run(() => (at.length <= 100 ? full : null), { attempts: 2 })

    await vi.runAllTimersAsync()

    expect(await ended).toBe('done')
    expect(at).toHaveLength(101)
  },
)

test('an abort ends a wait with its reason', async () => {
  const leaving = new AbortController()
  const { at, ended } = run(() => busy(60), { signal: leaving.signal })
  const failed = expect(ended).rejects.toThrow('left')

  await vi.advanceTimersByTimeAsync(1000)
  leaving.abort(new Error('left'))

  await failed
  expect(at).toEqual([0])
})

/** Calls `withRetries` with what `outcome` says of each try: an error, or null for success. */
function run(
  outcome: (attempt: number) => Error | null,
  options: { attempts?: number; signal?: AbortSignal } = {},
) {
  const { attempts = 10, signal = new AbortController().signal } = options
  const startedAt = Date.now()
  /** Milliseconds from the start to each try. */
  const at: number[] = []
  const waits: (UploadWait | null)[] = []
  const ended = withRetries(
    async (attempt) => {
      at.push(Date.now() - startedAt)
      const error = outcome(attempt)
      if (error) throw error
      return 'done'
    },
    { attempts, signal, onWait: (wait) => waits.push(wait) },
  )
  // The test reads it later.
  ended.catch(() => {})
  return { at, waits, ended }
}
