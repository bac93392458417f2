import { expect, test } from 'vitest'
import { FENCED_AFTER_MS, isFenced } from '../../../../src/core/model/cluster/self-fence.ts'

const RENEWED = { wall: 1_000_000, monotonic: 50_000 }
const LATE = FENCED_AFTER_MS

test.each([
  ['at once', 0, 0, false],
  ['just before its time', LATE - 1, LATE - 1, false],
  ['when its time is over', LATE, LATE, true],
  ['when only the wall clock has gone on: the machine was suspended', LATE, 0, true],
  [
    'when only the monotonic clock has gone on: the wall clock was set back',
    -3_600_000,
    LATE,
    true,
  ],
  ['when the wall clock was set forward', 3_600_000, 5, true],
  ['when the wall clock was set back a little, and time is left', -500, 1_000, false],
])('a lease is judged %s', (_case, wall, monotonic, fenced) => {
  const now = { wall: RENEWED.wall + wall, monotonic: RENEWED.monotonic + monotonic }

  expect(isFenced(RENEWED, now)).toBe(fenced)
})
