import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sleep } from '../../../src/lib/waiting/sleep.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('sleep resolves after its time and not before', async () => {
  const done = vi.fn()
  void sleep(1000).then(done)

  await vi.advanceTimersByTimeAsync(999)
  expect(done).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(done).toHaveBeenCalledOnce()
})

test('an abort ends a sleep with its reason and stops its timer', async () => {
  const controller = new AbortController()
  const reason = new Error('shutting down')
  const sleeping = sleep(1000, controller.signal)

  controller.abort(reason)

  await expect(sleeping).rejects.toBe(reason)
  expect(vi.getTimerCount()).toBe(0)
})

test('a signal that aborted before starts no timer', async () => {
  const reason = new Error('too late')

  await expect(sleep(1000, AbortSignal.abort(reason))).rejects.toBe(reason)

  expect(vi.getTimerCount()).toBe(0)
})

test('a sleep leaves no listener on its signal', async () => {
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')

  for (let round = 0; round < 20; round++) {
    const sleeping = sleep(10, signal)
    await vi.advanceTimersByTimeAsync(10)
    await sleeping
  }

  expect(removed).toHaveBeenCalledTimes(added.mock.calls.length)
})

test.each([2 ** 31, 1e12, Number.POSITIVE_INFINITY])(
  '%d milliseconds are long, not over at once',
  async (ms) => {
    const done = vi.fn()
    void sleep(ms).then(done)

    await vi.advanceTimersByTimeAsync(2 ** 31 - 2)

    expect(done).not.toHaveBeenCalled()
  },
)
