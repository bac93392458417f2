import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface CuttingProxy {
  url: string
  /** Connections that were cut. */
  readonly cuts: number
}

/**
 * A line to a worker that breaks: it cuts connections, `cuts` in all, each after so many bytes of an
 * answer as `afterBytes` says.
 */
export async function startCuttingProxy(
  target: string,
  { cuts: most, afterBytes }: { cuts: number; afterBytes: () => number },
): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  let cuts = 0

  const server = createServer((client) => {
    const worker = connect(Number(port), hostname)
    for (const socket of [client, worker]) {
      open.add(socket)
      socket.on('error', () => {}).on('close', () => open.delete(socket))
    }
    client.pipe(worker)
    client.on('close', () => worker.destroy())
    let left = afterBytes()
    worker.on('data', (bytes: Buffer) => {
      left -= bytes.length
      if (left < 0 && cuts < most) {
        cuts++
        client.end(bytes.subarray(0, bytes.length + left), () => client.resetAndDestroy())
        worker.destroy()
      } else if (!client.write(bytes)) {
        worker.pause()
        client.once('drain', () => worker.resume())
      }
    })
    worker.on('end', () => client.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  // The type of a server on a pipe is a text; this one has a port.
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    get cuts() {
      return cuts
    },
  }
}
