import { expect, test } from 'vitest'
import { type Byteless, chooseDisplaced } from '../../src/core/displacement.ts'

const NOW = 1_762_700_000_000
const MINUTE = 60_000

/** `owner:size` or, of one that is older than a minute, `owner:size old`. */
function byteless(words: string): Byteless {
  const [, owner = '', size, old] = /^(\w+):(\d+)( old)?$/.exec(words) ?? []
  const touchedAt = old ? NOW - MINUTE : NOW - MINUTE + 1
  return { id: words, owner, size: Number(size), touchedAt }
}

test.each([
  ['bytes displace what has none, however young', 'bytes', 10, ['eve:40', 'eve:60'], ['eve:60']],
  ['as many go as are needed', 'bytes', 70, ['eve:40', 'eve:60'], ['eve:60', 'eve:40']],
  ['none goes in vain', 'bytes', 101, ['eve:40', 'eve:60'], []],
  ['of the user who has most first', 'bytes', 5, ['ann:30', 'eve:20', 'eve:20'], ['eve:20']],
  ['bytes displace the user’s own, too', 'bytes', 5, ['new:30'], ['new:30']],
  ['a promise holds against a promise for a minute', 'none', 10, ['eve:10'], []],
  ['and no longer', 'none', 10, ['eve:10 old'], ['eve:10 old']],
  ['who would still have more gives way at once', 'none', 10, ['eve:10', 'eve:11'], ['eve:11']],
  ['until both have the same', 'none', 30, ['eve:10', 'eve:20'], []],
  ['what the newcomer has already counts', 'none', 10, ['eve:30', 'new:20'], []],
] as const)('%s', (_name, brings, size, words, expected) => {
  const candidates = words.map(byteless)
  const newcomer = { owner: 'new', size, presentBytes: brings === 'bytes' ? 1 : 0 }

  const chosen = chooseDisplaced(candidates, newcomer, { lackingBytes: size, now: NOW })

  expect(chosen.map(({ id }) => id)).toEqual(expected)
})

test('a hundred uploads at most give way to one', () => {
  const candidates = Array.from({ length: 1000 }, () => byteless('eve:1'))
  const newcomer = { owner: 'new', size: 500, presentBytes: 1 }

  const displaced = (lackingBytes: number) =>
    chooseDisplaced(candidates, newcomer, { lackingBytes, now: NOW }).length

  expect([displaced(100), displaced(101)]).toEqual([100, 0])
})
