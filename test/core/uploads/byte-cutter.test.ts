import { expect, test, vi } from 'vitest'
import { createByteCutter } from '../../../src/core/uploads/byte-cutter.ts'

async function* source(...pieces: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece)
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const piece of bytes) text += Buffer.from(piece).toString()
  return text
}

test('what is beyond one portion begins the next', async () => {
  const cutter = createByteCutter(source('abc', '', 'defgh', 'i'), 100)

  expect(await textOf(cutter.take(4))).toBe('abcd')
  expect(await cutter.more()).toBe(true)
  expect(await textOf(cutter.take(4))).toBe('efgh')
  expect(await textOf(cutter.take(4))).toBe('i')
  expect(await cutter.more()).toBe(false)
  expect(await textOf(cutter.take(4))).toBe('')
})

test('nothing beyond the limit is taken, or even asked for', async () => {
  const next = vi.fn(async () => ({ done: false as const, value: Buffer.from('abcdef') }))
  const cutter = createByteCutter({ [Symbol.asyncIterator]: () => ({ next }) }, 4)

  expect(await textOf(cutter.take(10))).toBe('abcd')

  expect(await cutter.more()).toBe(false)
  expect(next).toHaveBeenCalledOnce()
})

test("the source's error comes after everything it gave", async () => {
  const broken = new Error('the line broke')
  async function* failing() {
    yield Buffer.from('ab')
    throw broken
  }
  const cutter = createByteCutter(failing(), 100)
  const got: string[] = []

  const reading = (async () => {
    for await (const piece of cutter.take(10)) got.push(Buffer.from(piece).toString())
  })()

  await expect(reading).rejects.toBe(broken)
  expect(got).toEqual(['ab'])
})
