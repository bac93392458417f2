import { expect, test } from 'vitest'
import { createTally } from '../../../src/lib/concurrency/tally.ts'

test('the wait for nothing to run ends at once where nothing runs', async () => {
  await expect(createTally().none()).resolves.toBeUndefined()
})

test('the wait ends when the last one has left, and a second leave counts for nothing', async () => {
  const tally = createTally()
  const [first, second] = [tally.enter(), tally.enter()]
  let over = false
  const waiting = tally.none().then(() => {
    over = true
  })

  first()
  first()
  await Promise.resolve()
  expect([tally.count, over]).toEqual([1, false])
  second()

  await waiting
  expect(tally.count).toBe(0)
})
