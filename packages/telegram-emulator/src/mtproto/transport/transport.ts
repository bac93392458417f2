import { createCipheriv, createDecipheriv } from 'node:crypto'
import { type ByteQueue, createByteQueue } from './byte-queue.ts'
import {
  createAbridged,
  createFull,
  createIntermediate,
  type Frame,
  type Framing,
  FramingError,
} from './framing.ts'

/** One client's transport, recognised by its first bytes. */
export interface Transport {
  push: (chunk: Buffer) => void
  /** The next payload, or null until more bytes come; throws FramingError. */
  next: () => Frame | null
  /** The bytes that carry a payload; null while the transport is not known yet. */
  wrap: (payload: Uint8Array[], length: number) => Uint8Array[] | null
  quickAck: (token: number) => Uint8Array[]
}

type Scramble = (bytes: Uint8Array) => Buffer

interface Detected {
  framing: Framing
  decrypt: Scramble | null
  encrypt: Scramble | null
}

const ABRIDGED = 0xef
const INTERMEDIATE = 0xeeeeeeee
const PADDED = 0xdddddddd
const OBFUSCATION_LENGTH = 64
/** The first bytes of other protocols: HEAD, POST, GET, OPTI, and a TLS greeting. An obfuscated stream never begins with them. */
const FOREIGN = new Set([0x44414548, 0x54534f50, 0x20544547, 0x4954504f, 0x02010316])

function framingByTag(tag: number): Framing {
  if (tag === INTERMEDIATE) return createIntermediate(false)
  if (tag === PADDED) return createIntermediate(true)
  if (tag === 0xefefefef) return createAbridged()
  throw new FramingError('Unknown transport')
}

function ctr(key: Uint8Array, iv: Uint8Array, mode: 'encrypt' | 'decrypt'): Scramble {
  const create = mode === 'encrypt' ? createCipheriv : createDecipheriv
  const stream = create('aes-256-ctr', key, iv)
  return (bytes) => stream.update(bytes)
}

/** https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation */
function detectObfuscated(start: Buffer): Detected {
  const secrets = start.subarray(8, 56)
  const reversed = Buffer.from(secrets).reverse()
  const decrypt = ctr(secrets.subarray(0, 32), secrets.subarray(32), 'decrypt')
  const encrypt = ctr(reversed.subarray(0, 32), reversed.subarray(32), 'encrypt')
  return { framing: framingByTag(decrypt(start).readUInt32LE(56)), decrypt, encrypt }
}

function detect(queue: ByteQueue): Detected | null {
  if (queue.length < 1) return null
  if (queue.peek(1).readUInt8() === ABRIDGED) {
    queue.take(1)
    return { framing: createAbridged(), decrypt: null, encrypt: null }
  }
  if (queue.length < 8) return null
  const first = queue.peek(4).readUInt32LE()
  if (first === INTERMEDIATE || first === PADDED) {
    queue.take(4)
    return { framing: framingByTag(first), decrypt: null, encrypt: null }
  }
  if (FOREIGN.has(first)) throw new FramingError('Not MTProto')
  // The full transport counts its frames from 0; an obfuscated stream never has 0 there.
  if (queue.peek(8).readUInt32LE(4) === 0) {
    return { framing: createFull(), decrypt: null, encrypt: null }
  }
  if (queue.length < OBFUSCATION_LENGTH) return null
  return detectObfuscated(queue.take(OBFUSCATION_LENGTH))
}

/** The server's end of any of MTProto's TCP transports. */
export function createTransport(): Transport {
  let queue = createByteQueue()
  let detected: Detected | null = null

  function settle(): void {
    detected = detect(queue)
    if (!detected?.decrypt) return
    const rest = queue.take(queue.length)
    queue = createByteQueue()
    queue.push(detected.decrypt(rest))
  }

  const scramble = (pieces: Uint8Array[]): Uint8Array[] => {
    const encrypt = detected?.encrypt
    return encrypt ? pieces.map((piece) => encrypt(piece)) : pieces
  }

  return {
    push: (chunk) => queue.push(detected?.decrypt ? detected.decrypt(chunk) : chunk),
    next: () => {
      if (!detected) settle()
      return detected?.framing.read(queue) ?? null
    },
    wrap: (payload, length) =>
      detected ? scramble(detected.framing.write(payload, length)) : null,
    quickAck: (token) => (detected ? scramble([detected.framing.quickAck(token)]) : []),
  }
}
