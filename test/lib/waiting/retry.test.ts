import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { backoff, retry } from '../../../src/lib/waiting/retry.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const failure = new Error('not now')

test('a call that succeeds at once is not repeated', async () => {
  const run = vi.fn(async () => 'done')

  expect(await retry(run, { attempts: 3, delayFor: () => 10 })).toBe('done')

  expect(run.mock.calls).toEqual([[1]])
})

test('each further attempt waits for as long as `delayFor` says', async () => {
  const run = vi.fn(async (attempt: number) => {
    if (attempt < 3) throw failure
    return attempt
  })
  const delayFor = vi.fn((_error: unknown, attempt: number) => attempt * 100)
  const result = retry(run, { attempts: 5, delayFor })

  await vi.advanceTimersByTimeAsync(99)
  expect(run).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(run).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(200)

  expect(await result).toBe(3)
  expect(delayFor.mock.calls).toEqual([
    [failure, 1],
    [failure, 2],
  ])
})

test('the last attempt rejects with its error and does not wait', async () => {
  const errors = [new Error('first'), new Error('second')]
  const run = vi.fn((attempt: number) => Promise.reject(errors[attempt - 1]))
  const result = retry(run, { attempts: 2, delayFor: () => 10 })
  const rejected = expect(result).rejects.toBe(errors[1])

  await vi.advanceTimersByTimeAsync(10)

  await rejected
  expect(vi.getTimerCount()).toBe(0)
})

test('an error that is not to be retried rejects at once', async () => {
  const run = vi.fn(() => Promise.reject(failure))

  await expect(retry(run, { attempts: 5, delayFor: () => null })).rejects.toBe(failure)

  expect(run).toHaveBeenCalledOnce()
})

test('an abort during the wait ends it with the reason', async () => {
  const controller = new AbortController()
  const run = vi.fn(() => Promise.reject(failure))
  const { signal } = controller
  const result = retry(run, { attempts: 5, delayFor: () => 1000, signal })
  const reason = new Error('cancelled')
  const rejected = expect(result).rejects.toBe(reason)

  await vi.advanceTimersByTimeAsync(500)
  controller.abort(reason)

  await rejected
  expect(run).toHaveBeenCalledOnce()
})

test('an abort during an attempt rejects with its reason, not with the error of the attempt', async () => {
  const controller = new AbortController()
  const reason = new Error('cancelled')
  const run = async () => {
    controller.abort(reason)
    throw failure
  }

  const result = retry(run, { attempts: 5, delayFor: () => 0, signal: controller.signal })

  await expect(result).rejects.toBe(reason)
})

test('after an abort `run` is not called', async () => {
  const run = vi.fn(async () => 'done')
  const reason = new Error('cancelled')
  const signal = AbortSignal.abort(reason)

  await expect(retry(run, { attempts: 5, delayFor: () => 0, signal })).rejects.toBe(reason)

  expect(run).not.toHaveBeenCalled()
})

test.each([
  [1, 250],
  [2, 500],
  [5, 4000],
  [8, 30_000],
  [5000, 30_000],
])('the back-off before attempt %i + 1 is spread from 0 to %i ms', (attempt, longest) => {
  const random = vi.spyOn(Math, 'random')

  random.mockReturnValue(0)
  expect(backoff(attempt)).toBe(0)
  random.mockReturnValue(0.5)
  expect(backoff(attempt)).toBe(longest / 2)
  random.mockRestore()
})

test('a failure that does not count uses up no attempt', async () => {
  const errors = ['down', 'down', 'down', 'own', 'down', 'own']
  const seen: number[] = []

  const end = retry(
    async (attempt) => {
      seen.push(attempt)
      throw new Error(errors[seen.length - 1])
    },
    {
      attempts: 2,
      delayFor: () => 0,
      counts: (error) => (error as Error).message !== 'down',
    },
  )

  const refused = expect(end).rejects.toThrow('own')
  await vi.runAllTimersAsync()
  await refused
  expect(seen).toEqual([1, 1, 1, 1, 2, 2])
})
