import { expect, test } from 'vitest'
import { KiB } from '../../../../../src/lib/units.ts'
import { buffers } from '../../../../../src/telegram/mtproto/connection/encryption/buffer-pool.ts'

// Sizes that no packet has, because the pool is the process's own.
test('a buffer that is given back, or a piece of it, is taken again', () => {
  const first = buffers.take(300 * KiB + 1)

  buffers.giveBack(first.subarray(100, 200))
  const second = buffers.take(300 * KiB + 1)

  expect(second.buffer).toBe(first.buffer)
  expect(buffers.take(300 * KiB + 1).buffer).not.toBe(first.buffer)
})

test('a buffer is taken back once', () => {
  const first = buffers.take(300 * KiB + 2)

  buffers.giveBack(first)
  buffers.giveBack(first)

  const [one, other] = [buffers.take(300 * KiB + 2), buffers.take(300 * KiB + 2)]
  expect(one.buffer).not.toBe(other.buffer)
})

test('memory with more than one thing in it, and memory of another owner, is not taken back', () => {
  const shared = buffers.take(300 * KiB + 3)
  const foreign = Buffer.alloc(300 * KiB + 3)

  buffers.disown(shared)
  buffers.giveBack(shared)
  buffers.giveBack(foreign)

  const next = buffers.take(300 * KiB + 3)
  expect([shared.buffer, foreign.buffer]).not.toContain(next.buffer)
})

test('memory that another thread had is known under its new name', () => {
  const lent = buffers.take(300 * KiB + 4)
  const memory = structuredClone(lent.buffer, { transfer: [lent.buffer] })

  buffers.returned(memory as ArrayBuffer)
  buffers.giveBack(new Uint8Array(memory, 7, 9))

  expect(buffers.take(300 * KiB + 4).buffer).toBe(memory)
})
