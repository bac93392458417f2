import { expect, test } from 'vitest'
import { createTransferRate } from '../../../src/http/connections/transfer-rate.ts'

const LIMITS = { stallMs: 60_000, minBytesPerSecond: 1024, windowMs: 60_000 }

interface Sender {
  bytesPerSecond: number
  /** Sends its bytes every so many seconds. */
  everySeconds?: number
  waiting?: boolean
}

/** After how many seconds a sender is cut; null: not within an hour. */
function cutAfter({ bytesPerSecond, everySeconds = 1, waiting = false }: Sender): number | null {
  const pace = createTransferRate(LIMITS, { now: 0, bytes: 0 })
  for (let second = 5; second <= 3600; second += 5) {
    const bursts = Math.floor(second / everySeconds)
    const bytes = bursts * everySeconds * bytesPerSecond
    if (pace.isTooSlow({ now: second * 1000, bytes, waiting })) return second
  }
  return null
}

test.each<[string, Sender, number | null]>([
  ['that sends nothing', { bytesPerSecond: 0 }, 60],
  ['that trickles a byte a second', { bytesPerSecond: 1 }, 120],
  ['just below 1 KB/s', { bytesPerSecond: 1000 }, 120],
  ['just above 1 KB/s', { bytesPerSecond: 1100 }, null],
  ['on a slow phone', { bytesPerSecond: 10 * 1024 }, null],
  ['that sends in bursts with gaps of 50 s', { bytesPerSecond: 4096, everySeconds: 50 }, null],
  ['whose bytes wait here', { bytesPerSecond: 0, waiting: true }, null],
])('a sender %s is cut only for a lack of progress', (_name, sender, seconds) => {
  expect(cutAfter(sender)).toBe(seconds)
})

test('a sender that trickles is cut even if it was fast before', () => {
  const pace = createTransferRate(LIMITS, { now: 0, bytes: 0 })
  const fast = 3600 * 1_000_000

  expect(pace.isTooSlow({ now: 3_600_000, bytes: fast, waiting: false })).toBe(false)
  expect(pace.isTooSlow({ now: 3_630_000, bytes: fast + 10, waiting: false })).toBe(false)
  expect(pace.isTooSlow({ now: 3_660_000, bytes: fast + 20, waiting: false })).toBe(true)
})
