import { expect, test } from 'vitest'
import { expiryOf } from '../../../src/core/uploads/expiry.ts'

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

test.each([
  ['without a byte: ten minutes', { touchedAt: 0 }, false, DAY, 10 * MINUTE],
  ['without a byte, a shorter life', { touchedAt: 0 }, false, MINUTE, MINUTE],
  ['with bytes: a life after the last', { touchedAt: HOUR }, true, DAY, HOUR + DAY],
  ['an empty part has brought all', { size: 0, touchedAt: 0 }, false, DAY, DAY],
  ['a slow line and short lives', { touchedAt: 8 * HOUR }, true, HOUR, 9 * HOUR],
  ['short lives: seven days at most', { touchedAt: 7 * DAY }, true, HOUR, 7 * DAY],
  ['long lives: seven of them at most', { touchedAt: 14 * DAY }, true, 2 * DAY, 14 * DAY],
])('%s', (_name, upload, hasBytes, sessionTtlMs, expiry) => {
  const described = { size: 1, createdAt: 0, ...upload }

  expect(expiryOf(described, hasBytes, sessionTtlMs)).toBe(expiry)
})
