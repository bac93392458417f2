import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** Bytes kept for gramjs before Telegram is made to wait; larger packets pass all the same. */
const READ_AHEAD_BYTES = 1024 * 1024
const CONNECT_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 30_000

/**
 * The TCP socket under a gramjs connection.
 *
 * gramjs' own ignores what `write` answers and puts all waiting bytes together anew on each
 * `data` event, under one lock for all sockets. This one leaves buffering to the stream:
 * `read(n)` gathers once, and a reader that stands still makes Telegram wait.
 */
export class StreamSocket {
  #socket: Socket | undefined
  /** Lets the reader look again. */
  #wake: () => void = () => {}

  async connect(port: number, host: string): Promise<void> {
    const options: NetConnectOpts & { readableHighWaterMark: number } = {
      port,
      host,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      readableHighWaterMark: READ_AHEAD_BYTES,
    }
    const socket = connect(options)
    this.#socket = socket
    // Listened to once and for all: each new listener of `readable` would be told at once of
    // bytes that are too few, and a waiting reader would never let the rest arrive.
    for (const event of ['readable', 'end', 'close']) socket.on(event, () => this.#wake())
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Error('timeout')), CONNECT_TIMEOUT_MS)
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.once('close', () => {
        clearTimeout(timer)
        reject(new Error('the connection was refused or closed'))
      })
      // Without a listener the error would end the process; `close` always follows it.
      socket.on('error', () => {})
    })
  }

  /** Exactly `length` bytes; rejects when the connection ends before they are here. */
  async readExactly(length: number): Promise<Buffer> {
    for (;;) {
      const socket = this.#open()
      const bytes: Buffer | null = length === 0 ? Buffer.alloc(0) : socket.read(length)
      if (bytes?.length === length) return bytes
      if (bytes !== null || socket.readableEnded) throw new Error('the connection ended')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Sends the pieces as one packet; resolves once there is room for more. */
  async write(...pieces: Uint8Array[]): Promise<void> {
    const socket = this.#open()
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
    if (!socket.writableNeedDrain) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }

  /** For gramjs, which calls it where the length does not matter. */
  async read(length: number): Promise<Buffer> {
    return this.readExactly(length)
  }

  async close(): Promise<void> {
    this.#socket?.destroy()
  }

  toString(): string {
    return 'StreamSocket'
  }

  #open(): Socket {
    if (!this.#socket || this.#socket.destroyed) throw new Error('the connection is closed')
    return this.#socket
  }
}
