import { expect, test } from 'vitest'
import { createLimits } from '../../src/limits/limits.ts'
import { createRateLimit } from '../../src/limits/rate-limit.ts'
import { DEFAULT_SETTINGS, TELEGRAM_LIMITS } from '../../src/settings.ts'

const RATE = { limit: 2, windowMs: 10_000 }

/** Uses of one key at these seconds, and the wait at the last one. */
test.each<[string, number[], number, number]>([
  ['nothing yet', [], 0, 0],
  ['room for one more', [0], 1, 0],
  ['a full window', [0, 3], 4, 6],
  ['a full window a moment before its end', [0, 3], 9.9, 1],
  ['a window that has just ended', [0, 3], 10, 0],
  ['a window that is full again', [0, 3, 11], 12, 1],
])('%s', (_name, uses, at, wait) => {
  let seconds = 0
  const limit = createRateLimit(() => seconds * 1000)
  for (const use of uses) {
    seconds = use
    limit.use('key', RATE, 1)
  }
  seconds = at

  expect(limit.wait('key', RATE)).toBe(wait)
  expect(limit.wait('another key', RATE)).toBe(0)
})

test('a use that counts more than the limit passes, and the next one waits for all of it', () => {
  const limit = createRateLimit(() => 0)

  limit.use('key', RATE, 10)

  expect(limit.wait('key', RATE)).toBe(10)
})

test('without settings there is no limit', () => {
  const limits = createLimits(DEFAULT_SETTINGS, () => 0)
  const post = { accountId: 1, channelId: 2, count: 1 }

  for (let n = 0; n < 1000; n++) {
    expect(limits.posts(post)).toBe(0)
    expect(limits.login('token')).toBe(0)
    expect(limits.startPart({ connectionId: 1, accountId: 1 })).not.toBeNull()
  }
})

test('posts wait for the strictest of their limits, and a refused one counts nowhere', () => {
  let seconds = 0
  const limits = createLimits({ ...DEFAULT_SETTINGS, ...TELEGRAM_LIMITS }, () => seconds * 1000)
  const post = (channelId: number, accountId = 1) =>
    limits.posts({ accountId, channelId, count: 1 })

  // One a second to each chat, thirty to all.
  expect(post(1)).toBe(0)
  expect(post(1)).toBe(1)
  for (let chat = 2; chat <= 30; chat++) expect(post(chat)).toBe(0)
  expect(post(31)).toBe(1)
  expect(post(1, 2)).toBe(0)
  // Twenty a minute to one chat.
  for (seconds = 1; seconds < 20; seconds++) expect(post(1)).toBe(0)
  expect(post(1)).toBe(40)
  expect(post(2)).toBe(0)
  seconds = 60
  expect(post(1)).toBe(0)
})

test('parts are counted by connection and by account, until they end', () => {
  const limits = createLimits({
    ...DEFAULT_SETTINGS,
    partsInFlightPerConnection: 1,
    partsInFlightPerAccount: 2,
  })
  const start = (connectionId: number, accountId = 1) =>
    limits.startPart({ connectionId, accountId })

  const first = start(1)
  expect(start(1)).toBeNull()
  expect(start(2)).not.toBeNull()
  expect(start(3)).toBeNull()
  expect(start(4, 2)).not.toBeNull()
  first?.()
  expect(start(3)).not.toBeNull()
})
