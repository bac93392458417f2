import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Connection, ListenerRole } from '../types.ts'
import type { Frame } from './transport/framing.ts'
import { createTokenBucket } from './transport/token-bucket.ts'
import { createTransport } from './transport/transport.ts'

/** A connection, with the methods that the protocol half needs. */
export interface MtprotoConnection extends Connection {
  /** The payloads in order. The reader sets the pace: nothing is read ahead. */
  payloads: () => AsyncGenerator<Frame>
  send: (payload: Uint8Array[]) => void
  quickAck: (token: number) => void
  /** Resolves when the client has read enough of the bytes that were written. */
  writable: () => Promise<void>
  /** Ends the connection after the bytes that were written. */
  end: () => void
  /** Cuts the connection after so many milliseconds, unless it is called again before. */
  disconnectAfter: (ms: number) => void
  readonly signal: AbortSignal
}

/** With more unsent bytes than this, no further request is read from the client. */
const HIGH_WATER = 4 * 1024 * 1024
/** Bytes that are written at a time while the bandwidth is limited. */
const SLICE = 16 * 1024
const LINGER_MS = 1000

/** Wraps an accepted socket. */
export function createConnection(
  socket: Socket,
  id: number,
  role: ListenerRole,
): MtprotoConnection {
  const transport = createTransport()
  const inbound = createTokenBucket()
  const outbound = createTokenBucket()
  const closed = new AbortController()
  const { signal } = closed
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let pumped: Promise<void> | null = null
  let deadline: NodeJS.Timeout | undefined

  socket.setNoDelay(true)
  // The reader of the socket gets the error; without a listener it would end the process.
  socket.on('error', () => {})
  socket.once('close', () => {
    clearTimeout(deadline)
    closed.abort()
  })

  function write(pieces: Uint8Array[]): void {
    if (socket.destroyed || socket.writableEnded) return
    if (outbound.limited || pumped !== null) {
      waiting.push(...pieces)
      for (const piece of pieces) waitingBytes += piece.length
      pumped ??= pump()
      return
    }
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
  }

  async function pump(): Promise<void> {
    try {
      for (let piece = waiting.shift(); piece; piece = waiting.shift()) {
        for (let start = 0; start < piece.length; start += SLICE) {
          const slice = piece.subarray(start, start + SLICE)
          await outbound.take(slice.length, signal)
          socket.write(slice)
          waitingBytes -= slice.length
        }
      }
    } catch {
      waiting.length = 0
      waitingBytes = 0
    }
    pumped = null
  }

  async function* payloads(): AsyncGenerator<Frame> {
    // The socket outlives the iteration, so that a last message can still be sent.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      await inbound.take(chunk.length, signal)
      transport.push(chunk)
      for (let frame = transport.next(); frame; frame = transport.next()) yield frame
    }
  }

  function disconnectAfter(ms: number): void {
    clearTimeout(deadline)
    deadline = setTimeout(() => socket.destroy(), ms).unref()
  }

  return {
    id,
    role,
    signal,
    payloads,
    send: (payload) => {
      const length = payload.reduce((sum, piece) => sum + piece.length, 0)
      write(transport.wrap(payload, length) ?? [])
    },
    quickAck: (token) => write(transport.quickAck(token)),
    writable: async () => {
      while (waitingBytes > HIGH_WATER) await pumped
      while (socket.writableLength > HIGH_WATER && !signal.aborted) {
        await once(socket, 'drain', { signal })
      }
    },
    end: () => {
      // Unread bytes would turn the end into a reset, which can overtake the bytes that were written.
      socket.resume()
      socket.end()
      disconnectAfter(LINGER_MS)
    },
    disconnectAfter,
    destroy: () => socket.destroy(),
    setBandwidth: (bytesPerSecond) => {
      inbound.setRate(bytesPerSecond)
      outbound.setRate(bytesPerSecond)
    },
  }
}
