import { expect, test } from 'vitest'
import { createAccountWaits } from '../../src/telegram/account-waits.ts'

test('a wait ends by itself, and a shorter one does not end a longer one', () => {
  let now = 0
  const waits = createAccountWaits(() => now)
  waits.asked('ann', 100)
  waits.asked('ann', 5)

  now = 10_500
  expect(waits.secondsLeft('ann')).toBe(90)
  expect(waits.secondsLeft('bob')).toBe(0)
  now = 100_000
  expect(waits.secondsLeft('ann')).toBe(0)
})

test('an account counts for an hour after its use, and as long as it waits', () => {
  let now = 0
  const waits = createAccountWaits(() => now)
  waits.used(['ann', 'bob'])
  waits.asked('ann', 7_200)
  expect(waits.all()).toEqual([0, 7_200])

  now = 3_600_001
  expect(waits.all()).toEqual([3_600])
  now = 7_200_000
  expect(waits.all()).toEqual([])
})

test('their number is bounded: the ones longest unused are forgotten', () => {
  const waits = createAccountWaits(() => 0)
  waits.asked('ann', 60)
  waits.used(Array.from({ length: 4_999 }, (_, n) => `account ${n}`))
  waits.used(['ann'])
  waits.used(Array.from({ length: 4_000 }, (_, n) => `other ${n}`))

  expect(waits.all()).toHaveLength(5_000)
  expect(waits.secondsLeft('ann')).toBe(60)
})
