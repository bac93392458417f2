import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below 32768: from there on Linux gives ports to every connection and to whoever asks for any. */
const LOWEST = 10_000
const LANE = 2_500
const LANES = 4

/**
 * Processes of one run that choose at the same moment choose from lanes of their own, and no port
 * comes again before its whole lane was used: who left one is not taken for who has it now.
 */
const lane = LOWEST + (Number(process.env.VITEST_POOL_ID ?? 0) % LANES) * LANE
let next = randomInt(LANE)

/** A port that stays free, for processes that must be told theirs and servers that come and go. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lane + (next++ % LANE)
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
