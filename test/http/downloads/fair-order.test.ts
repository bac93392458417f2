import { expect, test } from 'vitest'
import { nextWaiter, readerToEvict } from '../../../src/http/downloads/fair-order.ts'

/** `ann:reads 500`, `ann:stands 7000`, `ann:young`. */
function reader(text: string) {
  const [user = '', state = ''] = text.split(':')
  const [how, count] = state.split(' ')
  return {
    text,
    user,
    standingMs: how === 'stands' ? Number(count) : 0,
    bytesPerSecond: how === 'young' ? null : how === 'reads' ? Number(count) : 0,
  }
}

function countsOf(readers: readonly { user: string }[]) {
  return (user: string): number => readers.filter((each) => each.user === user).length
}

test.each<[string, string[], string, number, string | null]>([
  ['a lone user keeps its readers', ['ann:stands 9000', 'ann:reads 1'], 'ann', 9_000, null],
  ['a paused one makes room for its own user', ['ann:stands 30000'], 'ann', 0, 'ann:stands 30000'],
  ['the one place of a user is safe', ['ann:stands 9000'], 'bob', 9_000, null],
  ['unless it is paused', ['ann:stands 30000'], 'bob', 0, 'ann:stands 30000'],
  [
    'a paused one is safe from a user who has more',
    ['ann:stands 30000', 'bob:reads 5', 'bob:reads 5'],
    'bob',
    9_000,
    null,
  ],
  [
    'of a user with two more, one that stands goes at once',
    ['ann:stands 5000', 'ann:stands 6000', 'bob:stands 29000'],
    'cid',
    0,
    'ann:stands 6000',
  ],
  [
    'of users with two more, the one with the most loses',
    ['ann:stands 9000', 'ann:reads 9', 'bob:stands 1', 'bob:reads 9', 'bob:reads 9'],
    'cid',
    0,
    'bob:stands 1',
  ],
  ['those that read are left for a while', ['ann:reads 1', 'ann:reads 9'], 'bob', 4_999, null],
  ['then the slowest goes', ['ann:reads 9', 'ann:reads 1'], 'bob', 5_000, 'ann:reads 1'],
  ['not one that has just begun', ['ann:young', 'ann:reads 9'], 'bob', 5_000, 'ann:reads 9'],
  [
    'shares that differ by one stay',
    ['ann:reads 1', 'ann:reads 1', 'bob:reads 9'],
    'bob',
    9_000,
    null,
  ],
  [
    'three users come to equal shares',
    ['ann:reads 3', 'ann:reads 2', 'ann:reads 4', 'bob:reads 1', 'bob:reads 1', 'cid:reads 1'],
    'cid',
    9_000,
    'ann:reads 2',
  ],
])('%s', (_name, texts, user, waitedMs, expected) => {
  const readers = texts.map(reader)

  const leaving = readerToEvict(
    readers,
    { user, waitedMs },
    { placesOf: countsOf(readers), pausedMs: 30_000, patienceMs: 5_000 },
  )

  expect(leaving?.text ?? null).toBe(expected)
})

test.each<[string, string[], string[], number | null]>([
  ['nobody', [], ['ann'], null],
  ['the first of one user', ['ann', 'ann'], [], 0],
  ['the user with the fewest places', ['ann', 'bob', 'cid'], ['ann', 'ann', 'bob', 'cid'], 1],
  ['a user without any', ['ann', 'bob'], ['ann'], 1],
])('the next one is %s', (_name, waiting, places, expected) => {
  const waiters = waiting.map((user) => ({ user }))

  const next = nextWaiter(waiters, countsOf(places.map((user) => ({ user }))))

  expect(next).toBe(expected === null ? null : waiters[expected])
})
