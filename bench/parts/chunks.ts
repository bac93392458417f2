import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { MiB } from '../../src/lib/units.ts'
import { type ChunkServer, startChunkServer, startNginx } from '../harness/chunk-peers.ts'
import { startEmulator } from '../harness/emulator.ts'
import type { Process } from '../harness/processes.ts'
import { type Figure, figureOf } from '../harness/results.ts'
import { type Contestant, cpuPerMb, inRounds, p99, speed } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { startWorker } from '../harness/worker.ts'

export const title = 'Chunks of 5 MB, 4 at once, to disk'

const CHUNK = randomBytes(5 * MiB)
const CHUNKS_PER_FILE = 10
const FILES = 20
const AT_ONCE = 4
const ALL = Array.from({ length: FILES * CHUNKS_PER_FILE }, (_, number) => number)

/** How a chunk is put on the wire for one kind of server. */
interface Wire {
  method: string
  path: string
  headers: Record<string, string | number>
  /** What stands before and after the chunk in the body. */
  head?: string
  tail?: string
}

/**
 * Chunks to the worker, with all that it does for them: the digest, the row in the ledger, the check
 * of the token. Its account is a bot's, and the files are such as a bot sends whole, so that nothing
 * goes to Telegram meanwhile.
 */
export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const { botToken } = emulator.account
  const worker = await startWorker(scope, emulator, {
    env: { TELEGRAM_SESSION: '', TELEGRAM_BOT_TOKEN: botToken },
  })
  const contestants = new Map<string, Contestant>([
    ['worker', intake(worker)],
    ['node:http', sink(await startChunkServer(scope, 'http'), plain)],
    ['@fastify/multipart', sink(await startChunkServer(scope, 'multipart'), () => form({}))],
    ['@tus/server', sink(await startChunkServer(scope, 'tus'), tus)],
  ])
  const nginx = await startNginx(scope)
  if (nginx) contestants.set('nginx PUT', sink(nginx, put))
  const runs = await inRounds(contestants, { rounds: scope.rounds + 2 })
  return [
    figureOf(
      {
        figure: 'throughput',
        unit: 'MB/s',
        goals: [{ atLeast: 1, times: 'node:http' }],
      },
      runs,
      speed,
    ),
    figureOf(
      { figure: 'CPU', unit: 'ms/MB', goals: [{ atMost: 1.2, times: 'node:http' }] },
      runs,
      cpuPerMb,
    ),
    figureOf(
      {
        figure: '99th percentile of a chunk',
        unit: 'ms',
        goals: [{ atMost: 1.5, times: 'node:http' }],
      },
      runs,
      p99,
    ),
  ]
}

/**
 * Chunks of files that are cancelled after the run. `oneByOne`: each after the answer to the one before,
 * of files whose first chunks were taken before the run.
 */
export function intake(
  worker: Process & { url: string; token: string },
  { oneByOne = false } = {},
): Contestant {
  let uploadIds: string[] = []
  const isFirst = (number: number): boolean => number % CHUNKS_PER_FILE === 0
  const sendAll = (numbers: readonly number[]) =>
    send(`${worker.url}/upload-chunk`, { numbers, atOnce: oneByOne ? 1 : AT_ONCE }, (number) =>
      form({
        uploadId: uploadIds[Math.floor(number / CHUNKS_PER_FILE)] ?? '',
        chunkIndex: String(number % CHUNKS_PER_FILE),
        totalChunks: String(CHUNKS_PER_FILE),
        fileName: 'bench.bin',
        fileSize: String(CHUNKS_PER_FILE * CHUNK.length),
        authToken: worker.token,
      }),
    )
  return {
    process: worker,
    prepare: async () => {
      uploadIds = Array.from(
        { length: FILES },
        () => `${Date.now()}_${randomBytes(5).toString('hex').slice(0, 9)}`,
      )
      if (oneByOne) await sendAll(ALL.filter(isFirst))
    },
    run: () => sendAll(oneByOne ? ALL.filter((number) => !isFirst(number)) : ALL),
    cleanUp: async () => {
      for (const uploadId of uploadIds) {
        const response = await fetch(`${worker.url}/cancel-upload`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ uploadId }),
        })
        if (!response.ok) throw new Error(`cancel: ${response.status} ${await response.text()}`)
      }
    },
  }
}

function sink(server: ChunkServer, wireOf: (number: number) => Wire): Contestant {
  return {
    process: server,
    run: () => send(server.url, { numbers: ALL, atOnce: AT_ONCE }, wireOf),
    cleanUp: async () => {
      for (const name of await readdir(server.folder)) await rm(join(server.folder, name))
    },
  }
}

const octets = { 'content-type': 'application/octet-stream', 'content-length': CHUNK.length }
const plain = (): Wire => ({ method: 'POST', path: '/', headers: octets })
const put = (number: number): Wire => ({ method: 'PUT', path: `/${number}`, headers: octets })
const tus = (): Wire => ({
  method: 'POST',
  path: '/',
  headers: {
    'tus-resumable': '1.0.0',
    'upload-length': CHUNK.length,
    'content-type': 'application/offset+octet-stream',
    'content-length': CHUNK.length,
  },
})

/** A form as browsers send it here: the chunk first. */
function form(fields: Record<string, string>): Wire {
  const boundary = 'bench-b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78'
  const field = (name: string, rest: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${rest}\r\n`
  const type = 'Content-Type: application/octet-stream\r\n\r\n'
  const head = `${field('chunk', '; filename="blob"')}${type}`
  const others = Object.entries(fields).map(([name, value]) => `${field(name, '')}\r\n${value}\r\n`)
  const tail = `\r\n${others.join('')}--${boundary}--\r\n`
  return {
    method: 'POST',
    path: '',
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + CHUNK.length + tail.length,
    },
    head,
    tail,
  }
}

async function send(
  url: string,
  { numbers, atOnce }: { numbers: readonly number[]; atOnce: number },
  wireOf: (number: number) => Wire,
): Promise<{ bytes: number; times: number[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  const times: number[] = []
  const queue = [...numbers]
  async function lane(): Promise<void> {
    for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
      const startedAt = performance.now()
      await sendOne(url, agent, wireOf(number))
      times.push(performance.now() - startedAt)
    }
  }
  try {
    await Promise.all(Array.from({ length: atOnce }, lane))
  } finally {
    agent.destroy()
  }
  return { bytes: numbers.length * CHUNK.length, times }
}

function sendOne(url: string, agent: Agent, wire: Wire): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const { method, path, headers, head = '', tail = '' } = wire
  const call = request(`${url}${path}`, { method, headers, agent }, (response) => {
    const { statusCode = 0 } = response
    if (statusCode >= 300) reject(new Error(`${method} ${url}${path}: ${statusCode}`))
    response.resume().once('end', resolve).once('error', reject)
  }).once('error', reject)
  if (head !== '') call.write(head)
  call.write(CHUNK)
  call.end(tail)
  return promise
}
