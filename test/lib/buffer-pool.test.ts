import { expect, test } from 'vitest'
import { buffers } from '../../src/lib/buffer-pool.ts'
import { KiB } from '../../src/lib/units.ts'

// Sizes that no packet has, because the pool is the process's own.
test('a buffer that is given back, or a piece of it, is taken again', () => {
  const first = buffers.take(300 * KiB)

  buffers.giveBack(first.subarray(100, 200))
  const second = buffers.take(300 * KiB)

  expect(second.buffer).toBe(first.buffer)
  expect(buffers.take(300 * KiB).buffer).not.toBe(first.buffer)
})

test('memory of one packet is taken for another one that differs by its padding only', () => {
  const first = buffers.take(316 * KiB + 24)

  buffers.giveBack(first)
  const second = buffers.take(316 * KiB + 24 + 1008)

  expect([first.length, second.length]).toEqual([316 * KiB + 24, 316 * KiB + 1032])
  expect(second.buffer).toBe(first.buffer)
})

test('a buffer is taken back once', () => {
  const first = buffers.take(304 * KiB)

  buffers.giveBack(first)
  buffers.giveBack(first)

  const [one, other] = [buffers.take(304 * KiB), buffers.take(304 * KiB)]
  expect(one.buffer).not.toBe(other.buffer)
})

test('memory with more than one thing in it, and memory of another owner, is not taken back', () => {
  const shared = buffers.take(308 * KiB)
  const foreign = Buffer.alloc(308 * KiB)

  buffers.disown(shared)
  buffers.giveBack(shared)
  buffers.giveBack(foreign)

  const next = buffers.take(308 * KiB)
  expect([shared.buffer, foreign.buffer]).not.toContain(next.buffer)
})

test('memory that another thread had is known under its new name', () => {
  const lent = buffers.take(312 * KiB)
  const memory = structuredClone(lent.buffer, { transfer: [lent.buffer] })

  buffers.returned(memory as ArrayBuffer)
  buffers.giveBack(new Uint8Array(memory, 7, 9))

  expect(buffers.take(312 * KiB).buffer).toBe(memory)
})
