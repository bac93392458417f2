import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A way to a server on loopback that breaks when a test says so. */
export interface CuttingProxy {
  readonly port: number
  /** Connections that were made so far. */
  readonly connections: number
  /** Bytes that went through so far, both ways. */
  readonly traffic: number
  /** Cuts all connections now; new ones go through. */
  cut: () => void
  /** Refuses new connections, and cuts those that are there, until `open`. */
  close: () => void
  open: () => void
  /** Lets nothing through any more, in either direction, and no connection end: a network that is gone. */
  freeze: () => void
  thaw: () => void
  /**
   * Cuts the next connection on which a client sends this text: before the server has it, or when the
   * server answers to it.
   */
  cutAt: (text: string, when: 'before' | 'at the answer') => void
}

/** It ends with the test, or where there is none when `onEnd` says so. */
export async function startCuttingProxy(
  target: number,
  onEnd: (stop: () => void) => void = onTestFinished,
): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  let connections = 0
  let traffic = 0
  let isClosed = false
  let isFrozen = false
  let trap: { text: string; when: 'before' | 'at the answer' } | null = null

  const server: Server = createServer((client) => {
    connections++
    if (isClosed) return void client.destroy()
    const upstream = connect(target, '127.0.0.1')
    let cutsAtAnswer = false
    const destroy = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', destroy).on('close', () => {
        sockets.delete(socket)
        if (!isFrozen) destroy()
      })
    }
    client.on('data', (bytes) => {
      if (isFrozen) return
      if (trap && bytes.includes(trap.text)) {
        const { when } = trap
        trap = null
        if (when === 'before') return destroy()
        cutsAtAnswer = true
      }
      traffic += bytes.length
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (isFrozen) return
      if (cutsAtAnswer) return destroy()
      traffic += bytes.length
      client.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it has no port')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  onEnd(() => {
    server.close()
    cut()
  })
  return {
    port: address.port,
    get connections() {
      return connections
    },
    get traffic() {
      return traffic
    },
    cut,
    close: () => {
      isClosed = true
      cut()
    },
    open: () => {
      isClosed = false
    },
    freeze: () => {
      isFrozen = true
    },
    thaw: () => {
      isFrozen = false
      cut()
    },
    cutAt: (text, when) => {
      trap = { text, when }
    },
  }
}
