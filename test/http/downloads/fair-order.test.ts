import { expect, test } from 'vitest'
import { nextWaiter, readerToEvict } from '../../../src/http/downloads/fair-order.ts'

/** `ann:reads 500`, `ann:stalled 7000`, `ann:young`. */
function reader(text: string) {
  const [user = '', state = ''] = text.split(':')
  const [how, count] = state.split(' ')
  return {
    text,
    user,
    stalledMs: how === 'stalled' ? Number(count) : 0,
    bytesPerSecond: how === 'young' ? null : how === 'reads' ? Number(count) : 0,
  }
}

function countsOf(readers: readonly { user: string }[]) {
  return (user: string): number => readers.filter((each) => each.user === user).length
}

test.each<[string, string[], string, number, string | null]>([
  [
    'a user that is alone keeps its readers',
    ['ann:stalled 9000', 'ann:reads 1'],
    'ann',
    9_000,
    null,
  ],
  ['a paused reader is cut for its own user', ['ann:stalled 30000'], 'ann', 0, 'ann:stalled 30000'],
  ["a user's only slot is safe from a short stall", ['ann:stalled 9000'], 'bob', 9_000, null],
  [
    "a user's only slot is lost once its video is paused",
    ['ann:stalled 30000'],
    'bob',
    0,
    'ann:stalled 30000',
  ],
  [
    'a paused reader is safe from a user with more slots',
    ['ann:stalled 30000', 'bob:reads 5', 'bob:reads 5'],
    'bob',
    9_000,
    null,
  ],
  [
    'a user with two slots more loses a stalled reader at once',
    ['ann:stalled 5000', 'ann:stalled 6000', 'bob:stalled 29000'],
    'cid',
    0,
    'ann:stalled 6000',
  ],
  [
    'of users with two slots more, the one with the most slots loses one',
    ['ann:stalled 9000', 'ann:reads 9', 'bob:stalled 1', 'bob:reads 9', 'bob:reads 9'],
    'cid',
    0,
    'bob:stalled 1',
  ],
  [
    'readers that read are left alone for a while',
    ['ann:reads 1', 'ann:reads 9'],
    'bob',
    4_999,
    null,
  ],
  [
    'after that the slowest reader is cut',
    ['ann:reads 9', 'ann:reads 1'],
    'bob',
    5_000,
    'ann:reads 1',
  ],
  [
    'a reader that has just begun is not cut',
    ['ann:young', 'ann:reads 9'],
    'bob',
    5_000,
    'ann:reads 9',
  ],
  [
    'shares that differ by one slot stay',
    ['ann:reads 1', 'ann:reads 1', 'bob:reads 9'],
    'bob',
    9_000,
    null,
  ],
  [
    'of three users the one with the most slots loses its slowest reader',
    ['ann:reads 3', 'ann:reads 2', 'ann:reads 4', 'bob:reads 1', 'bob:reads 1', 'cid:reads 1'],
    'cid',
    9_000,
    'ann:reads 2',
  ],
])('%s', (_name, texts, user, waitedMs, expected) => {
  const readers = texts.map(reader)

  const evicted = readerToEvict(
    readers,
    { user, waitedMs },
    { slotsOf: countsOf(readers), pausedMs: 30_000, evictAfterMs: 5_000 },
  )

  expect(evicted?.text ?? null).toBe(expected)
})

test.each<[string, string[], string[], number | null]>([
  ['none where no download waits', [], ['ann'], null],
  ['the one that came first, of one user', ['ann', 'ann'], [], 0],
  ['of the user with the fewest slots', ['ann', 'bob', 'cid'], ['ann', 'ann', 'bob', 'cid'], 1],
  ['of a user without slots', ['ann', 'bob'], ['ann'], 1],
])('the next waiter is %s', (_name, waiting, slots, expected) => {
  const waiters = waiting.map((user) => ({ user }))

  const next = nextWaiter(waiters, countsOf(slots.map((user) => ({ user }))))

  expect(next).toBe(expected === null ? null : waiters[expected])
})
