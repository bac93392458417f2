import { expect, test } from 'vitest'
import { loginOf } from '../../../src/core/shares/share-logins.ts'

test.each([
  [1_900_000_000, 1_900_000_000_000],
  [1_900_000_000.5, 1_900_000_000_500],
  [0, 0],
  [Number.MAX_SAFE_INTEGER, null],
  [1e300, null],
  ['1900000000', null],
  [undefined, null],
])('a login whose token says exp %j ends at %j', (exp, endsAt) => {
  const payload = Buffer.from(JSON.stringify({ exp })).toString('base64url')
  const token = `header.${payload}.signature`

  expect(loginOf(token)).toEqual({ token, endsAt })
})

test('a token that is no JWT says no end', () => {
  expect(loginOf('demo-1').endsAt).toBe(null)
})
