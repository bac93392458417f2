import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPolledWindows } from '../../../src/core/cluster/polled-windows.ts'
import { createVolumeWindows } from '../../../src/core/uploads/volume-windows.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a request that waits hears within a second of a volume that another node has posted', async () => {
  const { windows, rows } = start()
  const window = await windows.of('u1')
  const waiting = window.until(() => window.posted >= 10)

  rows.set('u1', 10)
  await vi.advanceTimersByTimeAsync(1_000)

  expect(await waiting).toBe(true)
})

test('a request that comes later reads anew how far its upload is', async () => {
  const { windows, rows } = start()
  expect((await windows.of('u1')).posted).toBe(0)

  rows.set('u1', 10)
  await vi.advanceTimersByTimeAsync(1_000)

  expect((await windows.of('u1')).posted).toBe(10)
})

test('the end of an upload ends the wait, and the window is forgotten', async () => {
  const { windows, rows, reads } = start()
  const window = await windows.of('u1')
  const waiting = window.until(() => window.isOver)

  rows.delete('u1')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await waiting).toBe(true)
  await vi.advanceTimersByTimeAsync(1_000)

  expect(vi.getTimerCount()).toBe(0)
  expect(reads).toHaveBeenCalledTimes(2)
})

test('a window that nobody waits for is read once a minute', async () => {
  const { windows, reads } = start()
  await windows.of('u1')

  await vi.advanceTimersByTimeAsync(59_000)
  expect(reads).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(3_000)

  expect(reads).toHaveBeenCalledTimes(2)
})

function start() {
  const rows = new Map([['u1', 0]])
  const reads = vi.fn(async (id: string) => rows.get(id) ?? null)
  const progress = { subscribe: () => () => {} }
  const own = createVolumeWindows({ postedBytes: reads, progress })
  return { rows, reads, windows: createPolledWindows(own) }
}
