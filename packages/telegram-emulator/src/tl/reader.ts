/** The bytes are not the TL that they should be. */
export class TlError extends Error {
  override name = 'TlError'
}

/** A constructor or method number that the schema does not have. */
export class UnknownIdError extends TlError {
  override name = 'UnknownIdError'
  readonly id: number
  readonly isMethod: boolean

  constructor(id: number, isMethod: boolean) {
    super(`Unknown ${isMethod ? 'method' : 'constructor'} ${id.toString(16)}`)
    this.id = id
    this.isMethod = isMethod
  }
}

export interface TlReader {
  readonly remaining: number
  uint: () => number
  int: () => number
  long: () => bigint
  double: () => number
  /** A view of the next bytes, without a copy. */
  raw: (length: number) => Uint8Array
  /** A TL string of bytes: length, bytes, padding to four (https://core.telegram.org/mtproto/serialize). */
  bytes: () => Uint8Array
  string: () => string
}

/** Reads TL primitives in order; throws TlError rather than read past the end. */
export function createReader(data: Uint8Array): TlReader {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  let position = 0

  function advance(length: number): number {
    if (length > view.length - position) throw new TlError('Unexpected end of data')
    const start = position
    position += length
    return start
  }

  function raw(length: number): Uint8Array {
    const start = advance(length)
    return view.subarray(start, start + length)
  }

  function bytes(): Uint8Array {
    const first = view.readUInt8(advance(1))
    const isLong = first === 254
    if (first === 255) throw new TlError('Not a length')
    const length = isLong ? view.readUIntLE(advance(3), 3) : first
    const value = raw(length)
    advance(-(length + (isLong ? 4 : 1)) & 3)
    return value
  }

  return {
    get remaining() {
      return view.length - position
    },
    uint: () => view.readUInt32LE(advance(4)),
    int: () => view.readInt32LE(advance(4)),
    long: () => view.readBigInt64LE(advance(8)),
    double: () => view.readDoubleLE(advance(8)),
    raw,
    bytes,
    string: () => Buffer.from(bytes()).toString('utf8'),
  }
}
