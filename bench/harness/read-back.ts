import { connect } from 'node:net'
import type { WorkerAddress } from './web-client.ts'

export interface ReadOptions {
  range?: string
  /** A bot alone reads by it. */
  fileId?: string
  /** Called with a view of a buffer that is used again. */
  onBytes?: (bytes: Uint8Array) => void
}

const BUFFER_BYTES = 256 * 1024

/**
 * Reads a file, or a range of it; resolves with the number of bytes. It costs as little as a client
 * can, because it shares the cores with what is measured: one buffer, and no parser but for the head.
 */
export function readBack(
  { url, token }: WorkerAddress,
  messageId: number,
  { range, fileId, onBytes }: ReadOptions = {},
): Promise<number> {
  const { hostname, port } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let head = ''
  let expected = Number.NaN
  let bytes = 0

  function take(view: Uint8Array): void {
    bytes += view.length
    onBytes?.(view)
    if (bytes === expected) {
      resolve(bytes)
      socket.destroy()
    }
  }

  function takeHead(view: Uint8Array): void {
    head += Buffer.from(view).toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /^content-length: (\d+)/im.exec(head.slice(0, end))?.[1]
    if (!/^HTTP\/1\.1 20[06] /.test(head) || length === undefined) {
      reject(new Error(`download: ${head.slice(0, end)}`))
      socket.destroy()
      return
    }
    expected = Number(length)
    take(Buffer.from(head.slice(end + 4), 'latin1'))
  }

  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: Buffer.alloc(BUFFER_BYTES),
      callback: (length, buffer) => {
        const view = buffer.subarray(0, length)
        if (Number.isNaN(expected)) takeHead(view)
        else take(view)
        return true
      },
    },
  })
  socket.once('error', reject)
  socket.once('close', () => reject(new Error(`download: ended after ${bytes} bytes`)))
  socket.write(
    [
      `GET /download?messageId=${messageId}${fileId === undefined ? '' : `&fileId=${fileId}`} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      `Authorization: Bearer ${token}`,
      ...(range === undefined ? [] : [`Range: ${range}`]),
      'Connection: close\r\n\r\n',
    ].join('\r\n'),
  )
  return promise
}
