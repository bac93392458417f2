import { connect, type Socket } from 'node:net'
import { buffers } from '../../../lib/buffer-pool.ts'

const CONNECT_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 30_000
const READ_BYTES = 256 * 1024

interface Reader {
  target: Buffer
  filled: number
  resolve: (bytes: Buffer) => void
  reject: (error: Error) => void
}

/**
 * The TCP socket under a gramjs connection.
 *
 * gramjs' own ignores what `write` answers and puts all waiting bytes together anew on each
 * `data` event, under one lock for all sockets. This one copies each byte once, from one memory
 * for all reads to where it is wanted; a reader that stands still makes Telegram wait.
 */
export class StreamSocket {
  #socket: Socket | undefined
  #reader: Reader | null = null
  /** What was read and is not wanted yet: `[start, end)` of the memory. */
  readonly #memory = Buffer.allocUnsafeSlow(READ_BYTES)
  #start = 0
  #end = 0
  #heardAt = 0
  #closed = false
  /** Called before each write; where it throws, nothing is written. */
  beforeWrite: (() => void) | undefined

  /** When bytes last came, by `performance.now()`; 0 before the first. */
  get heardAt(): number {
    return this.#heardAt
  }

  async connect(port: number, host: string): Promise<void> {
    if (this.#closed) throw new Error('the connection is closed')
    const socket = connect({
      port,
      host,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread: {
        buffer: this.#memory,
        callback: (length) => {
          this.#heardAt = performance.now()
          this.#start = 0
          this.#end = length
          this.#serve()
          // False stands the socket still until `resume`.
          return this.#start === this.#end
        },
      },
    })
    this.#socket = socket
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Error('timeout')), CONNECT_TIMEOUT_MS)
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.once('close', () => {
        clearTimeout(timer)
        const closed = new Error('the connection was closed')
        reject(closed)
        this.#reader?.reject(closed)
        this.#reader = null
      })
      // Without a listener the error would end the process; `close` always follows it.
      socket.on('error', () => {})
    })
  }

  /** Exactly `length` bytes; rejects when the connection ends before they are here. */
  readExactly(length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = this.#open()
      this.#reader = { target: buffers.take(length), filled: 0, resolve, reject }
      this.#serve()
      if (this.#start === this.#end && this.#reader) socket.resume()
    })
  }

  /** Sends the pieces as one packet; resolves once the kernel has taken them all. */
  write(...pieces: Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = this.#open()
      this.beforeWrite?.()
      socket.cork()
      for (const piece of pieces.slice(0, -1)) socket.write(piece)
      socket.write(pieces.at(-1) ?? '', (error) => (error ? reject(error) : resolve()))
      socket.uncork()
    })
  }

  /** For gramjs, which calls it where the length does not matter. */
  read(length: number): Promise<Buffer> {
    return this.readExactly(length)
  }

  /** Gives the connection back to the system at once. What was not sent yet is not sent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#socket?.destroy()
  }

  toString(): string {
    return 'StreamSocket'
  }

  /** Gives the reader what is here. */
  #serve(): void {
    const reader = this.#reader
    if (!reader) return
    const wanted = reader.target.length - reader.filled
    const stop = Math.min(this.#end, this.#start + wanted)
    reader.filled += this.#memory.copy(reader.target, reader.filled, this.#start, stop)
    this.#start = stop
    if (reader.filled < reader.target.length) return
    this.#reader = null
    reader.resolve(reader.target)
  }

  #open(): Socket {
    if (!this.#socket || this.#socket.destroyed) throw new Error('the connection is closed')
    return this.#socket
  }
}
