import { expect, test } from 'vitest'
import { createPasswords } from '../../../src/core/shares/passwords.ts'

test('a password matches its hash, in any spelling of its letters, and no other does', async () => {
  const passwords = createPasswords({ cost: { N: 2, r: 8, p: 1 } })
  const [first, second] = [await passwords.hash('Pässe'), await passwords.hash('Pässe')]

  expect(first).not.toEqual(second)
  expect(JSON.stringify(first)).not.toContain('Pässe')
  expect(await passwords.matches('Pässe'.normalize('NFD'), first)).toBe(true)
  expect(await passwords.matches('pässe', first)).toBe(false)
  expect(await passwords.matches('Pässe', { ...second, salt: first.salt })).toBe(false)
})

test('a crowd of guesses waits for its turn up to a point, then is refused, and keeps no owner waiting', async () => {
  const passwords = createPasswords({ cost: { N: 2, r: 8, p: 1 } })
  const kept = { salt: '00', hash: '00'.repeat(32) }

  const crowd = Promise.allSettled(Array.from({ length: 34 }, () => passwords.matches('x', kept)))
  const own = await passwords.hash('own')
  const outcomes = await crowd

  expect(own.hash).toHaveLength(64)
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  expect(refused).toMatchObject([{ reason: { code: 'BUSY' } }])
})
