import type { ClientRequest, IncomingMessage } from 'node:http'
import { buffers } from '../../lib/buffer-pool.ts'
import { KiB, MiB } from '../../lib/units.ts'
import { abortable } from '../../lib/waiting/abortable.ts'
import { connected, createWatchdog, type ExchangeTimeouts, openRequest } from './http-request.ts'
import type { ExchangeTrace } from './node-fetch.ts'

/** Bytes that one request asks for at most: a reader that goes on has one or two under way. */
const SEGMENT_BYTES = 8 * MiB
/** A shorter block is a look at a place: nothing is asked for behind it. */
const MIN_BYTES_OF_READER = 256 * KiB
/**
 * Milliseconds for which an answer stands still until its next block is asked for. Shorter, and the
 * bytes on their way to the reader of a slow client would be thrown away again and again.
 */
const IDLE_MS = 15_000

export interface StreamedBlock {
  length: number
  /** Gets the status of the answer. */
  trace: ExchangeTrace
  signal: AbortSignal
}

/**
 * A file's bytes from some place on, by one request. Its blocks are asked for one after the other;
 * between them it stands still, and what it holds is the socket's.
 */
export interface FileStream {
  /** Whether the block is the next that the stream can give. */
  canRead: (offset: number, length: number) => boolean
  /**
   * The block, shorter where the answer ends before it. The stream ends with its last block, with
   * the last caller that leaves, when no block is asked for in time, and when it fails: all that
   * wait then hear of it.
   */
  read: (block: StreamedBlock) => Promise<Uint8Array>
}

export interface FileStreamOptions {
  url: string
  offset: number
  length: number
  /** Bytes in the file, where they are known. */
  size: number | null
  timeouts: ExchangeTimeouts
  /** Called once, when nothing more can be read. */
  onEnd: () => void
}

interface Waiting {
  readonly length: number
  readonly trace: ExchangeTrace
  /** Null until its first byte is here. */
  bytes: Buffer | null
  filled: number
  wanted: boolean
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (reason: unknown) => void
}

export function openFileStream(options: FileStreamOptions): FileStream {
  const { offset, timeouts, onEnd } = options
  const end = endOf(options)
  const request = openRequest(new URL(options.url), {
    headers: { range: `bytes=${offset}-${end - 1}` },
  })
  const watchdog = createWatchdog(request, timeouts)
  const queue: Waiting[] = []
  let next = offset
  let ended = false
  let asked = Promise.withResolvers<void>()

  /** Ends the request. Those that still wait hear why. */
  function close(reason: unknown): void {
    if (ended) return
    ended = true
    watchdog.stop()
    request.destroy()
    asked.resolve()
    for (const { reject } of queue.splice(0)) reject(reason)
    onEnd()
  }

  /** The block whose bytes come now; null: there will be none. */
  async function head(): Promise<Waiting | null> {
    if (queue.length === 0 && !ended) {
      watchdog.rest()
      asked = Promise.withResolvers()
      const idle = setTimeout(() => close(new Error('no block was asked for')), IDLE_MS).unref()
      request.socket?.unref()
      await asked.promise
      request.socket?.ref()
      clearTimeout(idle)
      watchdog.expect('stallMs')
    }
    const [first] = queue
    if (!first || ended) return null
    if (first.filled === 0) {
      // Even the slowest of lines brings so much in a second.
      watchdog.expectEnd(timeouts.answerMs + (first.length / (16 * KiB)) * 1000)
    }
    return first
  }

  function fill(block: Waiting, piece: Uint8Array): number {
    const taken = piece.subarray(0, block.length - block.filled)
    if (block.wanted) {
      block.bytes ??= buffers.take(block.length)
      block.bytes.set(taken, block.filled)
    }
    block.filled += taken.length
    if (block.filled === block.length) settle(block)
    return taken.length
  }

  function settle(block: Waiting): void {
    queue.splice(queue.indexOf(block), 1)
    block.resolve(block.bytes?.subarray(0, block.filled) ?? new Uint8Array())
  }

  async function receive(): Promise<void> {
    const message = await answerOf(request)
    const { statusCode: status = 0 } = message
    for (const { trace } of queue) trace.status = status
    // A server that knows no ranges sends the file from its beginning.
    if (status !== 206 && (status !== 200 || offset > 0)) throw new Error(`status ${status}`)
    request.once('close', () => {
      if (!message.complete) close(new Error('the connection closed before the end of the answer'))
    })
    let position = offset
    for await (const piece of message as AsyncIterable<Buffer>) {
      if (queue.length > 0) watchdog.expect('stallMs')
      for (let at = 0; at < piece.length; ) {
        const block = await head()
        if (!block) return
        block.trace.status = status
        const taken = fill(block, piece.subarray(at))
        at += taken
        position += taken
        if (position === end) return
      }
    }
    for (const block of [...queue]) settle(block)
  }

  const stream: FileStream = {
    canRead: (from, length) => !ended && from === next && from + length <= end,
    read: ({ length, trace, signal }) => {
      return abortable<Uint8Array>(signal, (resolve, reject) => {
        next += length
        const block = { length, trace, bytes: null, filled: 0, wanted: true, resolve, reject }
        queue.push(block)
        asked.resolve()
        return () => {
          block.wanted = false
          if (queue.includes(block) && !queue.some(({ wanted }) => wanted)) close(signal.reason)
        }
      })
    },
  }

  void connected(request).then(() => watchdog.expect('stallMs'))
  request.end()
  receive().then(() => close(new Error('the answer has ended')), close)
  return stream
}

function endOf({ offset, length, size }: FileStreamOptions): number {
  const end = offset + length
  if (length < MIN_BYTES_OF_READER || size === null) return end
  const segmentEnd = offset - (offset % SEGMENT_BYTES) + SEGMENT_BYTES
  return Math.max(end, Math.min(size, segmentEnd))
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    // Stays on: a connection may fail after the answer's head as well.
    request.on('error', reject)
    request.once('close', () => reject(new Error('the connection closed without an answer')))
  })
}
