import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createCondition } from '../../../src/lib/waiting/condition.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a condition that holds already ends the wait at once', async () => {
  expect(await createCondition().until(() => true)).toBe(true)
})

test('each waiter goes on at the first change after which its own condition holds', async () => {
  const { until, changed } = createCondition()
  const passed: number[] = []
  let count = 0
  for (const wanted of [1, 2, 2]) void until(() => count >= wanted).then(() => passed.push(wanted))

  count = 1
  changed()
  await Promise.resolve()
  expect(passed).toEqual([1])
  changed()
  await Promise.resolve()
  expect(passed).toEqual([1])
  count = 2
  changed()
  await Promise.resolve()

  expect(passed).toEqual([1, 2, 2])
})

test('a condition that has held at a change counts, even if it holds no longer', async () => {
  const { until, changed } = createCondition()
  let open = false
  const waiting = until(() => open)

  open = true
  changed()
  open = false

  expect(await waiting).toBe(true)
})

test('a condition that throws ends the wait with what it throws', async () => {
  const { until, changed } = createCondition()
  let failure: Error | null = null
  const waiting = until(() => {
    if (failure) throw failure
    return false
  })

  failure = new Error('barred')
  changed()

  await expect(waiting).rejects.toThrow('barred')
  await expect(
    until(() => {
      throw failure
    }),
  ).rejects.toThrow('barred')
})

test('a wait whose time is over resolves with false', async () => {
  const { until, changed } = createCondition()
  const holds = vi.fn(() => false)
  const waiting = until(holds, { timeoutMs: 100 })

  await vi.advanceTimersByTimeAsync(100)
  changed()

  expect(await waiting).toBe(false)
  expect(holds).toHaveBeenCalledTimes(1)
})

test('a wait of a month lasts a month, though a timer cannot be set for so long', async () => {
  const month = 30 * 24 * 3_600_000
  const waiting = createCondition().until(() => false, { timeoutMs: month })
  const ended = vi.fn()
  void waiting.then(ended)

  await vi.advanceTimersByTimeAsync(month - 1)
  expect(ended).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)

  expect(ended).toHaveBeenCalledWith(false)
})

test('an abort ends the wait with its reason, and nothing is asked or timed any more', async () => {
  const { until, changed } = createCondition()
  const controller = new AbortController()
  const holds = vi.fn(() => false)
  const waiting = until(holds, { signal: controller.signal, timeoutMs: 100 })

  controller.abort(new Error('left'))
  changed()

  await expect(waiting).rejects.toThrow('left')
  expect(holds).toHaveBeenCalledTimes(1)
  expect(vi.getTimerCount()).toBe(0)
})
