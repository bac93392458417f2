/** Serialised TL: pieces in order, so that large byte strings are carried and not copied. */
export interface Encoded {
  pieces: Uint8Array[]
  length: number
}

export interface TlWriter {
  int: (value: number) => void
  long: (value: bigint) => void
  double: (value: number) => void
  raw: (value: Uint8Array) => void
  bytes: (value: Uint8Array) => void
  string: (value: string) => void
  finish: () => Encoded
}

/** Byte strings from this length on are referred to instead of copied. */
const CARRIED_LENGTH = 4096
const MAX_BYTES_LENGTH = 2 ** 24 - 1

/** Writes TL primitives. Large values given to it must not change until they are sent. */
export function createWriter(): TlWriter {
  const pieces: Uint8Array[] = []
  let total = 0
  let page = Buffer.allocUnsafe(256)
  let used = 0

  function reserve(length: number): number {
    if (used + length > page.length) {
      flush()
      page = Buffer.allocUnsafe(Math.max(1024, length))
      used = 0
    }
    const start = used
    used += length
    return start
  }

  function flush(): void {
    if (used === 0) return
    pieces.push(page.subarray(0, used))
    total += used
    page = page.subarray(used)
    used = 0
  }

  function raw(value: Uint8Array): void {
    if (value.length < CARRIED_LENGTH) {
      // `reserve` may replace `page`, so it has to come first.
      const start = reserve(value.length)
      page.set(value, start)
      return
    }
    flush()
    pieces.push(value)
    total += value.length
  }

  function bytes(value: Uint8Array): void {
    const { length } = value
    if (length > MAX_BYTES_LENGTH) throw new RangeError('Too long for TL')
    if (length < 254) {
      const start = reserve(1)
      page.writeUInt8(length, start)
    } else {
      const start = reserve(4)
      page.writeUInt32LE(length * 256 + 254, start)
    }
    raw(value)
    const padding = -(length + (length < 254 ? 1 : 4)) & 3
    const start = reserve(padding)
    page.fill(0, start, start + padding)
  }

  return {
    int: (value) => {
      const start = reserve(4)
      page.writeInt32LE(value | 0, start)
    },
    long: (value) => {
      const start = reserve(8)
      page.writeBigInt64LE(BigInt.asIntN(64, value), start)
    },
    double: (value) => {
      const start = reserve(8)
      page.writeDoubleLE(value, start)
    },
    raw,
    bytes,
    string: (value) => bytes(Buffer.from(value, 'utf8')),
    finish: () => {
      flush()
      return { pieces, length: total }
    },
  }
}
