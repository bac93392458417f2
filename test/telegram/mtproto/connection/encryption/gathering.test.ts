import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createGathering } from '../../../../../src/telegram/mtproto/connection/encryption/gathering.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Work that makes capitals, and remembers what it was given at once. */
function capitals() {
  const together: string[][] = []
  const gathering = createGathering((messages: readonly string[]) => {
    together.push([...messages])
    return messages.map((message) => message.toUpperCase())
  })
  // Unless a test says otherwise, each message belongs to a connection of its own.
  return { together, give: (message: string, connection = {}) => gathering(message, connection) }
}

test('a message that comes alone is worked on at once', async () => {
  const { together, give } = capitals()

  await expect(give('a')).resolves.toBe('A')
  await vi.advanceTimersByTimeAsync(12)
  await expect(give('b')).resolves.toBe('B')

  expect(together).toEqual([['a'], ['b']])
})

test('of a dense stream four are worked on together, and each gets its own result', async () => {
  const { together, give } = capitals()

  await give('first')
  const results = await Promise.all(['a', 'b', 'c', 'd'].map((message) => give(message)))

  expect(results).toEqual(['A', 'B', 'C', 'D'])
  expect(together).toEqual([['first'], ['a', 'b', 'c', 'd']])
  // The timer that had been set for them finds nothing.
  await vi.advanceTimersByTimeAsync(100)
  expect(together).toHaveLength(2)
})

test('those that have no three others wait 12 ms after the last ones, and no longer', async () => {
  const { together, give } = capitals()

  await give('first')
  await vi.advanceTimersByTimeAsync(4)
  const results = Promise.all([give('a'), give('b')])
  await vi.advanceTimersByTimeAsync(7)
  expect(together).toEqual([['first']])
  await vi.advanceTimersByTimeAsync(1)

  await expect(results).resolves.toEqual(['A', 'B'])
  expect(together).toEqual([['first'], ['a', 'b']])
})

test('a connection that is alone waits for nobody, and two wait for each other', async () => {
  const { together, give } = capitals()
  const [one, other] = [{}, {}]

  for (const message of ['a', 'b', 'c']) await give(message, one)
  expect(together).toEqual([['a'], ['b'], ['c']])

  await Promise.all([give('d', other), give('e', one)])
  expect(together).toEqual([['a'], ['b'], ['c'], ['d', 'e']])

  // The other one has left: after a while the first is alone again.
  for (const message of ['1', '2', '3', '4', '5', '6', '7']) {
    const given = give(message, one)
    await vi.advanceTimersByTimeAsync(12)
    await given
  }
  await give('8', one)
  await give('9', one)
  expect(together.slice(-2)).toEqual([['8'], ['9']])
})

test('a failure is told to all of them, and to none that comes later', async () => {
  let fails = false
  const gathering = createGathering((messages: readonly string[]) => {
    if (fails) throw new Error('out of memory')
    return messages
  })
  const give = (message: string) => gathering(message, {})
  await give('first')

  fails = true
  const failed = await Promise.allSettled(['a', 'b', 'c', 'd'].map(give))
  fails = false
  const next = give('e')
  await vi.advanceTimersByTimeAsync(12)

  expect(failed.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
  expect(await next).toBe('e')
})
