import { expect, test } from 'vitest'
import { accountWaits, durationOf } from '../../../src/core/model/flood-wait.ts'

test.each([
  [0.2, '1 second'],
  [1, '1 second'],
  [59, '59 seconds'],
  [60, '1 minute'],
  [61, '2 minutes'],
  [3_541, '1 hour'],
  [3_600, '1 hour'],
  [25_000, '6 hours 57 minutes'],
  [86_401, '24 hours 1 minute'],
])('%d s are told as %s', (seconds, words) => {
  expect(durationOf(seconds)).toBe(words)
})

test('the refusal says for how long, to a person and to a program', () => {
  expect(accountWaits(25_000)).toMatchObject({
    code: 'TELEGRAM_FLOOD_WAIT',
    status: 503,
    retryAfter: 25_000,
    message: 'Telegram asks this account to wait for 6 hours 57 minutes. Try again after that',
  })
})
