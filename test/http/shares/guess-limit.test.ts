import { expect, test, vi } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { createGuessLimit } from '../../../src/http/shares/guess-limit.ts'

function start(max: number, maxLooks = 100) {
  const clock = { now: 1000 }
  const refused: number[] = []
  const onRefused = () => void refused.push(clock.now)
  const limit = createGuessLimit({ max, maxLooks, onRefused, now: () => clock.now })
  const guess = (what: 'right' | 'SHARE_PASSWORD_WRONG' | 'BUSY', address = 'a') =>
    limit
      .guess(address, async () => {
        if (what !== 'right') throw new AppError(what, 'no')
        return what
      })
      .catch((error: AppError) =>
        error.retryAfter ? `${error.code} ${error.retryAfter}` : error.code,
      )
  return { clock, refused, guess }
}

test('only wrong guesses count, for a minute, for their address', async () => {
  const { clock, guess, refused } = start(2)

  expect(await guess('SHARE_PASSWORD_WRONG')).toBe('SHARE_PASSWORD_WRONG')
  clock.now += 20_000
  for (const passing of ['right', 'BUSY', 'right'] as const)
    expect(await guess(passing)).toBe(passing)
  expect(await guess('SHARE_PASSWORD_WRONG')).toBe('SHARE_PASSWORD_WRONG')
  expect(await guess('right')).toBe('TOO_MANY_REQUESTS 40')
  expect(await guess('right', 'b')).toBe('right')
  expect(refused).toEqual([clock.now])
  clock.now += 40_000
  expect(await guess('right')).toBe('right')
})

test('guesses at the same time count before they are looked at', async () => {
  const { guess } = start(3)

  const outcomes = await Promise.all(Array.from({ length: 5 }, () => guess('SHARE_PASSWORD_WRONG')))

  expect(outcomes.filter((outcome) => outcome.startsWith('TOO_MANY'))).toHaveLength(2)
})

test('right guesses are limited too, by more', async () => {
  const { clock, guess } = start(2, 5)

  for (let at = 0; at < 5; at++) expect(await guess('right')).toBe('right')
  expect(await guess('right')).toBe('TOO_MANY_REQUESTS 60')
  expect(await guess('right', 'b')).toBe('right')
  clock.now += 60_000
  expect(await guess('right')).toBe('right')
})

test('guesses of one address are looked at one after another, those of others meanwhile', async () => {
  const limit = createGuessLimit({ max: 10, maxLooks: 10, onRefused: () => {} })
  const looking: string[] = []
  const { promise: done, resolve } = Promise.withResolvers<void>()
  const guess = (address: string) =>
    limit.guess(address, async () => {
      looking.push(address)
      await done
    })

  const all = ['a', 'a', 'b', 'a'].map(guess)

  await vi.waitFor(() => expect(looking).toEqual(['a', 'b']))
  resolve()
  await Promise.all(all)
  expect(looking).toEqual(['a', 'b', 'a', 'a'])
})
