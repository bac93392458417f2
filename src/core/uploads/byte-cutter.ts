/** Takes a stream of bytes in measured portions. */
export interface ByteCutter {
  /** Whether a byte is left; waits for the source to say. Rejects with the source's error. */
  more: () => Promise<boolean>
  /** Up to `max` bytes, once the consumer has read them to the end. Copies nothing. */
  take: (max: number) => AsyncGenerator<Uint8Array>
}

/** Cuts what the source gives, of which at most `limit` bytes are taken. */
export function createByteCutter(source: AsyncIterable<Uint8Array>, limit: number): ByteCutter {
  // By hand: a loop that ends early would end the source with it.
  const iterator = source[Symbol.asyncIterator]()
  let held: Uint8Array | null = null
  let left = limit

  async function next(): Promise<Uint8Array | null> {
    while (left > 0 && (held === null || held.byteLength === 0)) {
      const step = await iterator.next()
      if (step.done) return null
      held = step.value
    }
    return left > 0 ? held : null
  }

  return {
    more: async () => (await next()) !== null,
    take: async function* (max) {
      for (let wanted = max; wanted > 0; ) {
        const piece = await next()
        if (piece === null) return
        const size = Math.min(piece.byteLength, wanted, left)
        held = piece.subarray(size)
        wanted -= size
        left -= size
        yield piece.subarray(0, size)
      }
    },
  }
}
