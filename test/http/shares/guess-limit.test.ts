import { expect, test } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { createGuessLimit } from '../../../src/http/shares/guess-limit.ts'

function start(max: number) {
  const clock = { now: 1000 }
  const refused: number[] = []
  const onRefused = () => void refused.push(clock.now)
  const limit = createGuessLimit({ max, onRefused, now: () => clock.now })
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
