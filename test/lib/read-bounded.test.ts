import { expect, test } from 'vitest'
import { readBounded } from '../../src/lib/read-bounded.ts'

test('a body of as many bytes as allowed is read whole', async () => {
  expect((await readBounded(pieces('abc', 'def').source, 6))?.toString()).toBe('abcdef')
  expect((await readBounded(null, 6))?.length).toBe(0)
})

test('a body of more bytes is null, and what comes behind them is not read', async () => {
  const { source, state } = pieces('abc', 'def', 'g', 'h')

  expect(await readBounded(source, 6)).toBeNull()

  expect(state).toEqual({ read: 3, closed: true })
})

test('a source that fails rejects with its error', async () => {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc')
    throw new Error('cut off')
  }

  await expect(readBounded(source(), 6)).rejects.toThrow('cut off')
})

function pieces(...texts: string[]) {
  const state = { read: 0, closed: false }
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (const text of texts) {
        state.read++
        yield Buffer.from(text)
      }
    } finally {
      state.closed = true
    }
  }
  return { source: source(), state }
}
