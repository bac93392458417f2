import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createEncryption } from '../../../../../src/telegram/mtproto/connection/encryption/encrypt-together.ts'
import type { OutgoingMessage } from '../../../../../src/telegram/mtproto/connection/encryption/encrypted-message.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A message that is known by its text. */
const message = (text: string): OutgoingMessage => ({
  keys: { authKey: Buffer.alloc(256), salt: 0n, sessionId: 0n },
  pieces: [Buffer.from(text)],
})

/** An encryption that changes nothing and remembers what it was given at once. */
function recording() {
  const together: string[][] = []
  const encrypt = createEncryption((messages) => {
    const packets = messages.map(({ pieces }) => Buffer.concat(pieces))
    together.push(packets.map(String))
    return packets
  })
  return { together, encrypt: async (text: string) => String(await encrypt(message(text))) }
}

test('a message that comes alone is encrypted at once', async () => {
  const { together, encrypt } = recording()

  await expect(encrypt('a')).resolves.toBe('a')
  await vi.advanceTimersByTimeAsync(12)
  await expect(encrypt('b')).resolves.toBe('b')

  expect(together).toEqual([['a'], ['b']])
})

test('of a dense stream four are encrypted together, and each gets its own packet', async () => {
  const { together, encrypt } = recording()

  await encrypt('first')
  const packets = await Promise.all(['a', 'b', 'c', 'd'].map(encrypt))

  expect(packets).toEqual(['a', 'b', 'c', 'd'])
  expect(together).toEqual([['first'], ['a', 'b', 'c', 'd']])
  // The timer that had been set for them finds nothing.
  await vi.advanceTimersByTimeAsync(100)
  expect(together).toHaveLength(2)
})

test('those that have no three others wait 12 ms after the last ones, and no longer', async () => {
  const { together, encrypt } = recording()

  await encrypt('first')
  await vi.advanceTimersByTimeAsync(4)
  const packets = Promise.all([encrypt('a'), encrypt('b')])
  await vi.advanceTimersByTimeAsync(7)
  expect(together).toEqual([['first']])
  await vi.advanceTimersByTimeAsync(1)

  await expect(packets).resolves.toEqual(['a', 'b'])
  expect(together).toEqual([['first'], ['a', 'b']])
})

test('a failure is told to all of them, and to none that comes later', async () => {
  let fails = false
  const encrypt = createEncryption((messages) => {
    if (fails) throw new Error('out of memory')
    return messages.map(({ pieces }) => Buffer.concat(pieces))
  })
  await encrypt(message('first'))

  fails = true
  const failed = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map((text) => encrypt(message(text))),
  )
  fails = false
  const next = encrypt(message('e'))
  await vi.advanceTimersByTimeAsync(12)

  expect(failed.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
  expect(String(await next)).toBe('e')
})
