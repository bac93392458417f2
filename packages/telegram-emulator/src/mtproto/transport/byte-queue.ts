export interface ByteQueue {
  readonly length: number
  push: (chunk: Buffer) => void
  /** The first `length` bytes, which stay. */
  peek: (length: number) => Buffer
  /** The first `length` bytes, which go; copied only when they span chunks. */
  take: (length: number) => Buffer
}

/** Bytes as they came from a socket. Nothing is joined until a whole frame is asked for. */
export function createByteQueue(): ByteQueue {
  let chunks: Buffer[] = []
  let offset = 0
  let total = 0

  function peek(length: number): Buffer {
    if (length > total) throw new RangeError('Not so many bytes yet')
    const first = chunks[0]
    if (!first) return Buffer.alloc(0)
    if (first.length - offset >= length) return first.subarray(offset, offset + length)
    const joined = Buffer.allocUnsafe(length)
    let filled = 0
    for (const [index, chunk] of chunks.entries()) {
      if (filled === length) break
      filled += chunk.copy(
        joined,
        filled,
        index === 0 ? offset : 0,
        (index === 0 ? offset : 0) + length - filled,
      )
    }
    return joined
  }

  function drop(length: number): void {
    total -= length
    let skipped = offset + length
    let index = 0
    for (const chunk of chunks) {
      if (skipped < chunk.length) break
      skipped -= chunk.length
      index++
    }
    offset = skipped
    if (index > 0) chunks = chunks.slice(index)
  }

  return {
    get length() {
      return total
    },
    push: (chunk) => {
      if (chunk.length === 0) return
      chunks.push(chunk)
      total += chunk.length
    },
    peek,
    take: (length) => {
      const taken = peek(length)
      drop(length)
      return taken
    },
  }
}
