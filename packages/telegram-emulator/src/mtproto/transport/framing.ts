import { randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ByteQueue } from './byte-queue.ts'

/** The peer does not keep to the transport; the connection ends. */
export class FramingError extends Error {
  override name = 'FramingError'
}

export interface Frame {
  payload: Buffer
  /** The client wants a quick acknowledgement of this frame. */
  wantsQuickAck: boolean
}

/** One of MTProto's ways to cut a stream into payloads (https://core.telegram.org/mtproto/mtproto-transports). */
export interface Framing {
  /** The next whole payload, or null until more bytes come. */
  read: (queue: ByteQueue) => Frame | null
  /** Returns the pieces of a frame with that payload. */
  write: (payload: Uint8Array[], length: number) => Uint8Array[]
  /** The short answer to a frame that wanted one. */
  quickAck: (token: number) => Uint8Array
}

/** Clients send at most 1 MB in a container; the double is generous. */
const MAX_FRAME_LENGTH = 2 * 1024 * 1024
const QUICK_ACK = 0x80000000

function checkLength(length: number): number {
  if (length === 0 || length > MAX_FRAME_LENGTH) throw new FramingError(`Frame of ${length} bytes`)
  return length
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** Length in words: one byte, or 0x7f and three bytes. */
export function createAbridged(): Framing {
  return {
    read: (queue) => {
      if (queue.length < 1) return null
      const first = queue.peek(1).readUInt8()
      const isLong = (first & 0x7f) === 0x7f
      const header = isLong ? 4 : 1
      if (queue.length < header) return null
      const words = isLong ? queue.peek(4).readUIntLE(1, 3) : first & 0x7f
      const length = checkLength(words * 4)
      if (queue.length < header + length) return null
      queue.take(header)
      return { payload: queue.take(length), wantsQuickAck: (first & 0x80) !== 0 }
    },
    write: (payload, length) => {
      const words = length / 4
      const header = words < 0x7f ? Buffer.from([words]) : littleEndian(words * 256 + 0x7f)
      return [header, ...payload]
    },
    // In this transport alone the token's bytes come in reverse.
    quickAck: (token) => littleEndian(token | QUICK_ACK).reverse(),
  }
}

/**
 * Length in bytes, as an int. `padded` puts random bytes behind the server's payloads: up to 15 are
 * allowed, but some clients remove only the bytes that exceed a multiple of four.
 */
export function createIntermediate(padded: boolean): Framing {
  return {
    read: (queue) => {
      if (queue.length < 4) return null
      const header = queue.peek(4).readUInt32LE()
      const length = checkLength((header & 0x7fffffff) >>> 0)
      if (queue.length < 4 + length) return null
      queue.take(4)
      return { payload: queue.take(length), wantsQuickAck: header >= QUICK_ACK }
    },
    write: (payload, length) => {
      // A lone error code must stay recognisable by its length.
      const padding = padded && length > 4 ? Buffer.alloc(randomInt(4)) : Buffer.alloc(0)
      return [littleEndian(length + padding.length), ...payload, padding]
    },
    quickAck: (token) => littleEndian(token | QUICK_ACK),
  }
}

/** Length, a counter, the payload, and CRC-32 of them all. */
export function createFull(): Framing {
  let received = 0
  let sent = 0
  return {
    read: (queue) => {
      if (queue.length < 4) return null
      const length = checkLength(queue.peek(4).readUInt32LE())
      if (length < 16 || length % 4 !== 0) throw new FramingError(`Frame of ${length} bytes`)
      if (queue.length < length) return null
      const frame = queue.take(length)
      if (frame.readUInt32LE(length - 4) !== crc32(frame.subarray(0, length - 4))) {
        throw new FramingError('Wrong CRC-32')
      }
      if (frame.readInt32LE(4) !== received++) throw new FramingError('Wrong frame number')
      return { payload: frame.subarray(8, length - 4), wantsQuickAck: false }
    },
    write: (payload, length) => {
      const header = Buffer.concat([littleEndian(length + 12), littleEndian(sent++)])
      const checksum = payload.reduce((sum, piece) => crc32(piece, sum), crc32(header))
      return [header, ...payload, littleEndian(checksum)]
    },
    quickAck: () => new Uint8Array(0),
  }
}
