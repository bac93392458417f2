/**
 * The clients of the load run, a process of its own: `node bench/load/clients.ts <JSON task>`.
 * Prints one line of JSON with what they saw.
 */
import { Agent } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { download } from './download-client.ts'
import { createTally } from './tally.ts'
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

function uploader(index: number): Promise<void> {
  const token = task.tokens[index % task.tokens.length] ?? ''
  return repeat(index, (manner) => upload({ ...task, token, agent, manner, tally, until }, index))
}

function downloader(index: number): Promise<void> {
  return repeat(index, (manner) => download({ ...task, agent, manner, tally, until }))
}

await Promise.all([
  ...Array.from({ length: task.uploaders }, (_, index) => uploader(index)),
  ...Array.from({ length: task.downloaders }, (_, index) => downloader(index)),
])
console.log(JSON.stringify(tally.read()))
process.exit(0)
