import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below 32768: from there on Linux gives ports to every connection and to whoever asks for any. */
const LOWEST = 10_000
const HIGHEST = 20_000

/** A port that stays free, for processes that must be told theirs and servers that come and go. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
