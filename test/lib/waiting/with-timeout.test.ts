import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { withTimeout } from '../../../src/lib/waiting/with-timeout.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a promise that settles in time is passed on, and leaves no timer', async () => {
  const onTimeout = vi.fn()

  expect(await withTimeout(Promise.resolve('value'), { ms: 100, onTimeout })).toBe('value')
  const failure = withTimeout(Promise.reject(new Error('no')), { ms: 100, onTimeout })
  await expect(failure).rejects.toThrow('no')

  expect(vi.getTimerCount()).toBe(0)
  expect(onTimeout).not.toHaveBeenCalled()
})

test('after the time the outcome is what `onTimeout` returns', async () => {
  const waiting = withTimeout(never(), { ms: 100, onTimeout: () => 'late' })
  const settled = vi.fn()
  void waiting.then(settled)

  await vi.advanceTimersByTimeAsync(99)
  expect(settled).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)

  expect(settled).toHaveBeenCalledWith('late')
})

test('after the time the outcome is what `onTimeout` throws', async () => {
  const onTimeout = (): never => {
    throw new Error('too late')
  }
  const waiting = expect(withTimeout(never(), { ms: 100, onTimeout })).rejects.toThrow('too late')

  await vi.advanceTimersByTimeAsync(100)

  await waiting
})

test('a promise that fails after the time is not reported', async () => {
  const { promise, reject } = Promise.withResolvers<string>()
  const waiting = withTimeout(promise, { ms: 100, onTimeout: () => 'late' })

  await vi.advanceTimersByTimeAsync(100)
  reject(new Error('unseen'))

  expect(await waiting).toBe('late')
})

test('an abort ends the wait with its reason, and leaves no timer', async () => {
  const controller = new AbortController()
  const options = { ms: 100, onTimeout: () => 'late', signal: controller.signal }
  const waiting = withTimeout(never(), options)

  controller.abort(new Error('left'))

  await expect(waiting).rejects.toThrow('left')
  expect(vi.getTimerCount()).toBe(0)
})

test('a promise that fails is not reported either if the wait was aborted before it began', async () => {
  const options = { ms: 100, onTimeout: () => 'late', signal: AbortSignal.abort(new Error('left')) }

  const waiting = withTimeout(Promise.reject(new Error('unseen')), options)

  await expect(waiting).rejects.toThrow('left')
})

function never(): Promise<string> {
  return new Promise(() => {})
}
