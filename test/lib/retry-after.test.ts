import { expect, test } from 'vitest'
import { parseRetryAfter, secondsToWait } from '../../src/lib/retry-after.ts'

const NOW = Date.parse('Wed, 01 Oct 2025 12:00:00 GMT')

test.each<[string, string | null, number | null]>([
  ['no header', null, null],
  ['seconds', '120', 120],
  ['no wait', '0', 0],
  ['more than a day', '999999', 86_400],
  ['a date to come', 'Wed, 01 Oct 2025 12:01:30 GMT', 90],
  ['a date that is now', 'Wed, 01 Oct 2025 12:00:00 GMT', 0],
  ['a date gone by', 'Wed, 01 Oct 2025 11:59:00 GMT', null],
  ['a date in a year', 'Thu, 01 Oct 2026 12:00:00 GMT', 86_400],
  ['a fraction', '1.5', null],
  ['a negative number', '-5', null],
  ['no number and no date', 'soon', null],
  ['nothing', '', null],
])('Retry-After with %s: %j', (_name, header, seconds) => {
  expect(parseRetryAfter(header, NOW)).toBe(seconds)
})

test.each<[string, number | undefined, number]>([
  ['a fraction', 1.2, 2],
  ['no wait', 0, 1],
  ['no known wait', undefined, 5],
])('an answer with %s asks for whole seconds', (_name, wait, seconds) => {
  expect(secondsToWait(wait)).toBe(seconds)
})
