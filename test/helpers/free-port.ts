import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below 32768: from there on Linux gives ports to connections, and to servers that ask for any. */
const LOWEST = 10_000
const PORTS = 2_500
const RANGES = 4

/**
 * Each process of a run chooses from a range of its own, and no port comes again before the whole
 * range was used: a late connection to a server that is gone does not reach the next one.
 */
const first = LOWEST + (Number(process.env.VITEST_POOL_ID ?? 0) % RANGES) * PORTS
let next = randomInt(PORTS)

/** A port that stays free: for processes that are given theirs, and for servers that come and go. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % PORTS)
    if (await isFreePort(port)) return port
  }
}

export function isFreePort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
