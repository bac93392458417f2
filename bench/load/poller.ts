/**
 * Those who only ask, in a process of their own so that the senders' work does not count:
 * `node bench/load/poller.ts <JSON task>`. Opens one upload for each token and asks for its
 * progress once a second, as the web client does. Prints one line of JSON.
 */
import { Agent, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'

export interface PollTask {
  url: string
  tokens: string[]
  seconds: number
}

export interface PollCounts {
  polls: number
  /** Anything but an answer of 200. */
  failures: number
  /** Milliseconds. */
  p50: number
  p99: number
  max: number
}

const task: PollTask = JSON.parse(process.argv[2] ?? '')
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const until = Date.now() + task.seconds * 1000
const times: number[] = []
let failures = 0

function call(method: string, path: string, body?: object): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { 'content-type': 'application/json' }
  request(`${task.url}${path}`, { method, agent, headers }, (response) => {
    response.resume().once('end', () => resolve(response.statusCode ?? 0))
  })
    .once('error', reject)
    .end(body && JSON.stringify(body))
  return promise
}

async function poll(token: string, index: number): Promise<void> {
  const uploadId = `${Date.now()}_poll${index}`
  const file = { uploadId, fileName: 'poll.bin', totalChunks: 1, fileSize: MiB, authToken: token }
  await wait(index * 5)
  await call('POST', '/init-upload', file)
  while (Date.now() < until) {
    const startedAt = performance.now()
    const status = await call('GET', `/upload-progress/${uploadId}`).catch(() => 0)
    times.push(performance.now() - startedAt)
    if (status !== 200) failures++
    await wait(1000)
  }
}

await Promise.all(task.tokens.map(poll))
times.sort((a, b) => a - b)
const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0
const max = times.at(-1) ?? 0
const counts: PollCounts = { polls: times.length, failures, p50: at(0.5), p99: at(0.99), max }
console.log(JSON.stringify(counts))
process.exit(0)
