import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSelfPing } from '../../../src/core/runtime/self-ping.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

const HOUR_MS = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('the public address is called while a job runs, and only then', async () => {
  let busy = false
  let pings = 0
  const ping = async (): Promise<void> => void pings++
  const selfPing = createSelfPing({ isBusy: async () => busy, ping, log: createRecordingLog() })
  selfPing.start()

  await vi.advanceTimersByTimeAsync(HOUR_MS)
  const whileIdle = pings
  busy = true
  await vi.advanceTimersByTimeAsync(HOUR_MS)
  const whileBusy = pings
  selfPing.stop()
  await vi.advanceTimersByTimeAsync(HOUR_MS)

  expect(whileIdle).toBe(0)
  // Often enough for a host that waits a quarter of an hour.
  expect(whileBusy).toBeGreaterThanOrEqual(4)
  expect(pings).toBe(whileBusy)
})

test('an address that does not answer is logged, and called again', async () => {
  const log = createRecordingLog()
  let pings = 0
  const ping = async (): Promise<void> => {
    pings++
    throw new Error('refused')
  }
  const selfPing = createSelfPing({ isBusy: async () => true, ping, everyMs: 10, log })
  selfPing.start()

  await vi.advanceTimersByTimeAsync(25)
  selfPing.stop()

  expect(pings).toBe(2)
  expect(log.entries.map((entry) => entry.message)).toContain('the public address does not answer')
})

test('a call that is under way when the worker stops ends, and is not logged as a failure', async () => {
  const log = createRecordingLog()
  const ping = (signal: AbortSignal): Promise<void> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  const selfPing = createSelfPing({ isBusy: async () => true, ping, everyMs: 10, log })
  selfPing.start()
  await vi.advanceTimersByTimeAsync(10)

  selfPing.stop()
  await vi.advanceTimersByTimeAsync(0)

  expect(log.entries).toEqual([])
})
