import { expect, test } from 'vitest'
import { freeMemory } from '../../src/lib/free-memory.ts'

test('a piece that has an ArrayBuffer of its own is freed, also when it is there twice', () => {
  const own = Buffer.allocUnsafeSlow(1000)

  freeMemory([own, own, new Uint8Array(0)])

  expect(own).toHaveLength(0)
})

test('memory on which another view can be stays', () => {
  const whole = Buffer.alloc(1000, 7)
  const pooled = Buffer.from('of the pool')
  const shared = new Uint8Array(new SharedArrayBuffer(10)).fill(7)

  freeMemory([whole.subarray(1), pooled, shared])

  expect(whole).toEqual(Buffer.alloc(1000, 7))
  expect(String(pooled)).toBe('of the pool')
  expect(shared).toHaveLength(10)
})
