import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Connection, ListenerRole } from '../types.ts'
import { createTokenBucket } from './token-bucket.ts'
import { createTransport } from './transport.ts'

/** A connection with what the protocol half needs of it. */
export interface Link extends Connection {
  /** The payloads in order. Whoever iterates decides the pace: nothing is read ahead. */
  payloads: () => AsyncGenerator<{ payload: Buffer; wantsQuickAck: boolean }>
  send: (payload: Uint8Array[]) => void
  quickAck: (token: number) => void
  /** Resolves when the client has taken enough of what was written to it. */
  writable: () => Promise<void>
  /** Ends the connection after what was written. */
  end: () => void
  /** Cuts the connection then, unless it is called again before. */
  disconnectAfter: (ms: number) => void
  readonly signal: AbortSignal
}

/** Above this much unsent, no further request is taken from the client. */
const HIGH_WATER = 4 * 1024 * 1024
const SLICE = 16 * 1024

/** Wraps an accepted socket. */
export function createLink(socket: Socket, id: number, role: ListenerRole): Link {
  const transport = createTransport()
  const inbound = createTokenBucket()
  const outbound = createTokenBucket()
  const closed = new AbortController()
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let pumping = false
  let deadline: NodeJS.Timeout | undefined

  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.once('close', () => {
    clearTimeout(deadline)
    closed.abort()
  })

  function write(pieces: Uint8Array[]): void {
    if (socket.destroyed) return
    if (outbound.limited || waiting.length > 0) {
      for (const piece of pieces) {
        waiting.push(piece)
        waitingBytes += piece.length
      }
      if (!pumping) void pump()
      return
    }
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
  }

  async function pump(): Promise<void> {
    pumping = true
    try {
      for (let piece = waiting.shift(); piece; piece = waiting.shift()) {
        for (let start = 0; start < piece.length; start += SLICE) {
          const slice = piece.subarray(start, start + SLICE)
          await outbound.take(slice.length, closed.signal)
          socket.write(slice)
          waitingBytes -= slice.length
        }
      }
      socket.emit('drain')
    } catch {
      waiting.length = 0
    } finally {
      pumping = false
    }
  }

  async function* payloads(): AsyncGenerator<{ payload: Buffer; wantsQuickAck: boolean }> {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      await inbound.take(chunk.length, closed.signal)
      transport.push(chunk)
      for (let frame = transport.next(); frame; frame = transport.next()) yield frame
    }
  }

  return {
    id,
    role,
    signal: closed.signal,
    payloads,
    send: (payload) => {
      const length = payload.reduce((sum, piece) => sum + piece.length, 0)
      write(transport.wrap(payload, length) ?? [])
    },
    quickAck: (token) => write(transport.quickAck(token)),
    writable: async () => {
      while (socket.writableLength + waitingBytes > HIGH_WATER && !socket.destroyed) {
        await once(socket, 'drain', { signal: closed.signal })
      }
    },
    end: () => socket.end(),
    disconnectAfter: (ms) => {
      clearTimeout(deadline)
      deadline = setTimeout(() => socket.destroy(), ms).unref()
    },
    destroy: () => socket.destroy(),
    setBandwidth: (bytesPerSecond) => {
      inbound.setRate(bytesPerSecond)
      outbound.setRate(bytesPerSecond)
    },
  }
}
