import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import { onTestFinished } from 'vitest'

/** A client's end of a transport, written apart from the server's so that they can disagree. */
export interface Wire {
  socket: Socket
  send: (payload: Uint8Array) => void
  /** Raw bytes, past the framing. */
  sendRaw: (bytes: Uint8Array) => void
  /** The next payload; rejects when the server ends the connection. */
  receive: () => Promise<Buffer>
  closed: Promise<void>
}

export type TransportName = 'abridged' | 'intermediate' | 'padded' | 'full'

const TAGS = { abridged: 0xefefefef, intermediate: 0xeeeeeeee, padded: 0xdddddddd, full: 0 }

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

function createFrames(transport: TransportName) {
  let sent = 0
  const frame = (payload: Uint8Array): Buffer => {
    if (transport === 'abridged') {
      const words = payload.length / 4
      return Buffer.concat([
        words < 127 ? Buffer.from([words]) : uint32(words * 256 + 127),
        payload,
      ])
    }
    if (transport === 'full') {
      const head = Buffer.concat([uint32(payload.length + 12), uint32(sent++), payload])
      return Buffer.concat([head, uint32(crc32(head))])
    }
    const padding = transport === 'padded' ? randomBytes(7) : Buffer.alloc(0)
    return Buffer.concat([uint32(payload.length + padding.length), payload, padding])
  }
  const cut = (data: Buffer): { payload: Buffer; rest: Buffer } | null => {
    if (data.length < 4) return null
    let start = 4
    let end: number
    let trailer = 0
    if (transport === 'abridged') {
      const first = data.readUInt8()
      start = first === 127 ? 4 : 1
      end = start + (first === 127 ? data.readUIntLE(1, 3) : first) * 4
    } else if (transport === 'full') {
      start = 8
      trailer = 4
      end = data.readUInt32LE() - 4
    } else {
      end = 4 + data.readUInt32LE()
    }
    if (data.length < end + trailer) return null
    return { payload: data.subarray(start, end), rest: data.subarray(end + trailer) }
  }
  return { frame, cut }
}

function createObfuscation(transport: TransportName) {
  const start = randomBytes(64)
  start[0] = 1
  start.writeUInt32LE(TAGS[transport], 56)
  const backwards = Buffer.from(start.subarray(8, 56)).reverse()
  const encrypt = createCipheriv('aes-256-ctr', start.subarray(8, 40), start.subarray(40, 56))
  const decrypt = createDecipheriv(
    'aes-256-ctr',
    backwards.subarray(0, 32),
    backwards.subarray(32, 48),
  )
  const encrypted = encrypt.update(start)
  const greeting = Buffer.concat([start.subarray(0, 56), encrypted.subarray(56)])
  return { greeting, encrypt, decrypt }
}

const GREETINGS = {
  abridged: Buffer.from([0xef]),
  intermediate: uint32(TAGS.intermediate),
  padded: uint32(TAGS.padded),
  full: Buffer.alloc(0),
}

/** Connects with a transport, perhaps obfuscated. */
export async function openWire(
  port: number,
  transport: TransportName = 'intermediate',
  obfuscated = false,
): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  const { frame, cut } = createFrames(transport)
  const scrambled = obfuscated ? createObfuscation(transport) : null
  let data: Buffer = Buffer.alloc(0)
  const arrived: Buffer[] = []
  const waiting: { resolve: (payload: Buffer) => void; reject: (error: Error) => void }[] = []

  socket.on('data', (chunk) => {
    data = Buffer.concat([data, scrambled ? scrambled.decrypt.update(chunk) : chunk])
    for (let next = cut(data); next; next = cut(data)) {
      data = next.rest
      const waiter = waiting.shift()
      if (waiter) waiter.resolve(next.payload)
      else arrived.push(next.payload)
    }
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      for (const { reject } of waiting.splice(0)) reject(new Error('The server ended it'))
      resolve()
    })
  })
  socket.write(scrambled?.greeting ?? GREETINGS[transport])

  const sendRaw = (bytes: Uint8Array): void => {
    socket.write(scrambled ? scrambled.encrypt.update(bytes) : bytes)
  }
  return {
    socket,
    closed,
    sendRaw,
    send: (payload) => sendRaw(frame(payload)),
    receive: () => {
      const payload = arrived.shift()
      if (payload) return Promise.resolve(payload)
      if (socket.destroyed) return Promise.reject(new Error('The server ended it'))
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
  }
}
