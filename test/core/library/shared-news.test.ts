import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSharedNews } from '../../../src/core/library/shared-news.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Two nodes, and the rows that both see. */
function harness() {
  const rows = new Map<string, number>()
  const looks = vi.fn()
  const records = {
    countLibraryChange: async (owner: string) => {
      rows.set(owner, (rows.get(owner) ?? 0) + 1)
      return rows.get(owner) ?? 0
    },
    libraryChanges: async (owners: readonly string[]) => {
      looks(owners)
      return new Map(owners.flatMap((owner) => [[owner, rows.get(owner) ?? 0]]))
    },
  }
  const node = () => createSharedNews({ records, log: createRecordingLog() })
  return { a: node(), b: node(), records, looks }
}

test('a listener hears of its own node at once, and of another one a second later', async () => {
  const { a, b } = harness()
  const [here, there] = [vi.fn(), vi.fn()]
  a.subscribe('ann', here)
  b.subscribe('ann', there)
  await vi.advanceTimersByTimeAsync(10)

  a.changed('ann')
  expect(here).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(3_000)

  expect(here).toHaveBeenCalledTimes(1)
  expect(there).toHaveBeenCalledTimes(1)
})

test('what was changed before nobody hears of, nor of what is another user’s', async () => {
  const { a, b } = harness()
  a.changed('ann')
  await vi.advanceTimersByTimeAsync(10)
  const there = vi.fn()
  b.subscribe('ann', there)

  a.changed('bob')
  await vi.advanceTimersByTimeAsync(3_000)

  expect(there).not.toHaveBeenCalled()
})

test('a node without listeners looks at nothing', async () => {
  const { a, looks } = harness()
  const first = a.subscribe('ann', () => {})
  const second = a.subscribe('ann', () => {})
  first()
  first()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(looks.mock.calls.length).toBeGreaterThan(3)

  second()
  looks.mockClear()
  await vi.advanceTimersByTimeAsync(5_000)

  expect(looks).not.toHaveBeenCalled()
})

test('a look that fails is made again', async () => {
  const { a, b, records } = harness()
  const there = vi.fn()
  b.subscribe('ann', there)
  await vi.advanceTimersByTimeAsync(10)
  const failing = vi.spyOn(records, 'libraryChanges').mockRejectedValue(new Error('down'))
  a.changed('ann')
  await vi.advanceTimersByTimeAsync(2_000)
  expect(there).not.toHaveBeenCalled()

  failing.mockRestore()
  await vi.advanceTimersByTimeAsync(1_500)

  expect(there).toHaveBeenCalledTimes(1)
})
