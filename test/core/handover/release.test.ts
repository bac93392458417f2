import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRelease } from '../../../src/core/handover/release.ts'
import { shutdownBudget } from '../../../src/core/handover/shutdown-budget.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('the budget leaves an eighth of the time as a reserve', () => {
  expect(shutdownBudget(16_000)).toEqual({ endMs: 8_000, noteMs: 2_000, requestsMs: 4_000 })
})

test.each([
  ['what runs ends in time', { endsAfterMs: 3_000, closesAfterMs: 500 }, false, 3_000, 3_500],
  ['a download is slow', { endsAfterMs: 60_000, closesAfterMs: 500 }, false, 8_000, 8_500],
  ['jobs do not stop', { endsAfterMs: 60_000, closesAfterMs: 60_000 }, false, 8_000, 10_000],
  ['there is no time', { endsAfterMs: 3_000, closesAfterMs: 500 }, true, 0, 500],
])('where %s, work ends and Telegram is left in time', async (...row) => {
  const [, work, hurry, endsAt, leavesAt] = row
  const { release, events } = start(work)

  const done = release({ hurry })

  await vi.advanceTimersByTimeAsync(16_000)
  await done
  expect(events).toEqual([
    ['close queue', endsAt],
    ['stop looking', endsAt],
    ['leave Telegram', leavesAt],
  ])
})

test('new work is refused at once, and all work once the time of what runs is over', async () => {
  const { release, workGate } = start({ endsAfterMs: 3_000, closesAfterMs: 500 })

  const done = release({ hurry: false })

  expect(() => workGate.assertNew()).toThrow('restarting')
  expect(() => workGate.assertMore()).not.toThrow()
  expect(workGate.ending.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(() => workGate.assertMore()).toThrow('restarting')
  expect(workGate.ending.aborted).toBe(true)
  await vi.advanceTimersByTimeAsync(500)
  await done
})

function start({ endsAfterMs, closesAfterMs }: { endsAfterMs: number; closesAfterMs: number }) {
  const events: [what: string, atMs: number][] = []
  const startedAt = Date.now()
  const note = (what: string): void => void events.push([what, Date.now() - startedAt])
  const workGate = createWorkGate()
  const release = createRelease({
    workGate,
    transfers: { idle: async () => {} },
    downloads: { idle: () => sleep(endsAfterMs) },
    queue: {
      close: async () => {
        note('close queue')
        await sleep(closesAfterMs)
      },
    },
    follower: { close: async () => note('stop looking') },
    gate: { leave: async () => note('leave Telegram') },
    budget: shutdownBudget(16_000),
    log: createRecordingLog(),
  })
  return { release, workGate, events }
}
