import { KiB, MiB } from './units.ts'

/** Buffers below this size are cheap enough to make anew. */
const MIN_POOLED_BYTES = 128 * KiB
/**
 * Sizes are rounded up to multiples of this: packets with a block of a file differ by up to a
 * kilobyte of random padding, and must fit into each other's memory.
 */
const SIZE_STEP = 4 * KiB
/** Free bytes that are kept for later use. */
const MAX_FREE_BYTES = 8 * MiB

/**
 * Large buffers that are used again. Each 64 MB of new buffers make V8 collect its whole heap,
 * which costs more than all the ciphers do.
 */
export interface BufferPool {
  /** Exactly `size` bytes, with whatever was in them before. */
  take: (size: number) => Buffer
  /** Takes back a buffer, or a piece of one, that is not read or written any more. */
  giveBack: (buffer: Uint8Array) => void
  /** Leaves lent memory to the garbage collector, because more than one thing lies in it. */
  disown: (buffer: Uint8Array) => void
  /** Says that lent memory came back from another thread, which has given it a new name. */
  returned: (memory: ArrayBuffer) => void
}

/**
 * Frees the memory of a buffer that nothing uses any more and that has its memory to itself, at once:
 * left to the garbage collector it would bring the next collection nearer.
 */
export function freeMemory({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

function createBufferPool(): BufferPool {
  const free = new Map<number, Buffer[]>()
  const lent = new WeakMap<ArrayBufferLike, Buffer>()
  let freeBytes = 0

  function keep(buffer: Buffer): void {
    if (freeBytes + buffer.length > MAX_FREE_BYTES) {
      // Sizes that are not asked for any more would otherwise fill the pool for good.
      free.clear()
      freeBytes = 0
    }
    freeBytes += buffer.length
    const same = free.get(buffer.length)
    if (same) same.push(buffer)
    else free.set(buffer.length, [buffer])
  }

  return {
    take: (size) => {
      if (size < MIN_POOLED_BYTES) return Buffer.allocUnsafe(size)
      const rounded = Math.ceil(size / SIZE_STEP) * SIZE_STEP
      const known = free.get(rounded)?.pop()
      if (known) freeBytes -= rounded
      const buffer = known ?? Buffer.allocUnsafeSlow(rounded)
      lent.set(buffer.buffer, buffer)
      return buffer.subarray(0, size)
    },
    giveBack: ({ buffer: memory }) => {
      const buffer = lent.get(memory)
      lent.delete(memory)
      if (buffer) keep(buffer)
    },
    disown: ({ buffer: memory }) => void lent.delete(memory),
    returned: (memory) => {
      if (memory.byteLength >= MIN_POOLED_BYTES) lent.set(memory, Buffer.from(memory))
    },
  }
}

/** One pool for the process: parts and packets have few sizes. */
export const buffers = createBufferPool()
