import { createCipheriv, createHash } from 'node:crypto'

/** Chance that can be repeated: the same seed, the same choices in the same order. */
export interface Random {
  /** From 0 to below 1. */
  next: () => number
  /** A whole number from `min` to `max`, both included. */
  whole: (min: number, max: number) => number
  chance: (share: number) => boolean
  pick: <T>(from: readonly [T, ...T[]]) => T
  shuffle: <T>(list: readonly T[]) => T[]
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    whole,
    chance: (share) => next() < share,
    pick: (from) => from[whole(0, from.length - 1)] ?? from[0],
    shuffle: (list) => {
      const keyed = list.map((item) => ({ item, key: next() }))
      return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
    },
  }
}

/** `size` bytes that look random and depend on the name alone. */
export function bytesOf(name: string, size: number): Buffer {
  const key = createHash('sha256').update(name).digest()
  const stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
  return stream.update(Buffer.alloc(size))
}
