/**
 * The clients of the load run, a process of its own: `node bench/load/clients.ts <JSON task>`.
 * Prints one line of JSON with what they saw.
 */
import { Agent } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { download } from './download-client.ts'
import { createTally, type Tally } from './tally.ts'
import { upload } from './upload-client.ts'

export interface LoadTask {
  url: string
  tokens: string[]
  seconds: number
  uploaders: number
  downloaders: number
  /** Bytes per second of an ordinary client. */
  bytesPerSecond: number
  /** A message to download, its size, and a token that may. */
  file: { messageId: number; size: number; token: string }
}

/** How a client behaves: every other one is a trouble. */
export type Manner = 'ordinary' | 'slow' | 'leaves'

const MANNERS: Manner[] = ['ordinary', 'slow', 'ordinary', 'leaves']
const POLL_EVERY_MS = 1000

const task: LoadTask = JSON.parse(process.argv[2] ?? '')
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const tally = createTally()
const until = Date.now() + task.seconds * 1000

async function repeat(index: number, work: (manner: Manner) => Promise<void>): Promise<void> {
  const manner = MANNERS[index % MANNERS.length] ?? 'ordinary'
  // All at once is what the run is for, but not all in one millisecond.
  await wait((index % 50) * 40)
  while (Date.now() < until) {
    try {
      await work(manner)
    } catch (error) {
      tally.failed(error instanceof Error ? error.message : String(error))
      await wait(1000)
    }
  }
}

/** What the web client does beside sending: it asks once a second how far its upload is. */
async function poll(current: () => string | null): Promise<void> {
  while (Date.now() < until) {
    const uploadId = current()
    if (uploadId !== null) {
      const startedAt = performance.now()
      const answer = await fetch(`${task.url}/upload-progress/${uploadId}`).catch(() => null)
      await answer?.arrayBuffer()
      tally.polled(performance.now() - startedAt, answer?.status ?? 0)
    }
    await wait(POLL_EVERY_MS)
  }
}

function uploader(index: number): Promise<unknown> {
  const token = task.tokens[index % task.tokens.length] ?? ''
  let uploadId: string | null = null
  const work = (manner: Manner): Promise<void> =>
    upload({ ...task, token, agent, manner, tally, until, tell: (id) => (uploadId = id) }, index)
  return Promise.all([repeat(index, work), poll(() => uploadId)])
}

function downloader(index: number, everyone: Tally): Promise<void> {
  return repeat(index, (manner) => download({ ...task, agent, manner, tally: everyone, until }))
}

await Promise.all([
  ...Array.from({ length: task.uploaders }, (_, index) => uploader(index)),
  ...Array.from({ length: task.downloaders }, (_, index) => downloader(index, tally)),
])
console.log(JSON.stringify(tally.read()))
process.exit(0)
