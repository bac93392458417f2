/**
 * Many clients at once on little memory: 200 that upload at about 1 MB/s each and 50 that download,
 * half of them slow or gone in the middle, against a worker that the kernel holds to 512 MB.
 * `npm run load [seconds]`. Emulator, worker and clients are processes of their own.
 */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../src/lib/units.ts'
import { createMemoryGroup, type MemoryGroup } from './load/memory-group.ts'
import type { PollCounts } from './load/poller.ts'
import type { Counts } from './load/tally.ts'
import {
  runNode,
  startTelegramProcess,
  startWorkerProcess,
  type WorkerProcess,
} from './processes.ts'
import { median, saveResult } from './results.ts'
import { completed, sendFile } from './web-client.ts'

const seconds = Number(process.argv[2] ?? 240)
const LIMIT_BYTES = 512 * MiB
const UPLOADERS = 200
const DOWNLOADERS = 50
const FILE_BYTES = 200 * MiB
/** What the run is held to, milliseconds. */
const POLL_P99_MS = 100

/** In production the worker's clients and Telegram do not share its cores. */
const FIRST = 'renice -n -10 -p $$ >/dev/null'

interface Sample {
  rss: number
  files: number
}

/** Memory and open files of the worker, once a second until stopped. */
function watch(worker: WorkerProcess): { samples: Sample[]; stop: () => void } {
  const samples: Sample[] = []
  const timer = setInterval(() => {
    const files = readdirSync(`/proc/${worker.pid}/fd`).length
    samples.push({ rss: worker.usage().rss, files })
  }, 1000)
  return { samples, stop: () => clearInterval(timer) }
}

/** The median of a value in the first and in the last of three parts of the run. */
function levels(
  samples: Sample[],
  of: (sample: Sample) => number,
): { early: number; late: number } {
  const values = samples.map(of)
  const third = Math.floor(values.length / 3)
  return { early: median(values.slice(third, 2 * third)), late: median(values.slice(2 * third)) }
}

async function run(group: MemoryGroup | null): Promise<void> {
  const emulator = await startTelegramProcess()
  const tokens = Array.from({ length: UPLOADERS }, () => randomBytes(12).toString('hex'))
  const env = { AUTH_TOKENS: ['bench', ...tokens].join(',') }
  const worker = await startWorkerProcess(
    emulator,
    env,
    [FIRST, group?.join].filter(Boolean).join('; '),
  )
  try {
    const block = randomBytes(5 * MiB)
    const whole = await sendFile(worker, { megabytes: FILE_BYTES / MiB, block, parallel: 4 })
    const messageId = await completed(worker, whole)
    const cpuBefore = worker.usage().cpu
    const watching = watch(worker)
    const { url } = worker
    const polling = runNode<PollCounts>('bench/load/poller.ts', { url, tokens, seconds }, FIRST)
    const counts = await runNode<Counts>('bench/load/clients.ts', {
      url,
      tokens,
      seconds,
      uploaders: UPLOADERS,
      downloaders: DOWNLOADERS,
      bytesPerSecond: MiB,
      file: { messageId, size: FILE_BYTES, token: worker.token },
    })
    watching.stop()
    const polls = await polling
    const cpu = worker.usage().cpu - cpuBefore
    // What is left runs out: only then are files that are still open a leak.
    await wait(15_000)
    const atRest = readdirSync(`/proc/${worker.pid}/fd`).length
    await report({ counts, polls, samples: watching.samples, cpu, atRest, group })
  } finally {
    await worker.stop()
    await emulator.stop()
  }
}

async function report(seen: {
  counts: Counts
  polls: PollCounts
  samples: Sample[]
  cpu: number
  atRest: number
  group: MemoryGroup | null
}): Promise<void> {
  const { counts, polls, samples, group } = seen
  const rss = levels(samples, (sample) => sample.rss / MiB)
  const files = levels(samples, (sample) => sample.files)
  const peak = Math.max(...samples.map((sample) => sample.rss)) / MiB
  const of = (figure: string, value: number, unit: string, target?: string) => ({
    figure,
    value,
    unit,
    ...(target !== undefined && { target }),
  })
  await saveResult('load', `${UPLOADERS} uploads and ${DOWNLOADERS} downloads for ${seconds} s`, [
    of('bytes in', counts.bytesSent / MiB / seconds, 'MB/s'),
    of('bytes out', counts.bytesRead / MiB / seconds, 'MB/s'),
    of('uploads in Telegram', counts.uploadsCompleted, ''),
    of('uploads that clients left', counts.uploadsAbandoned, ''),
    of('downloads to their end', counts.downloads, ''),
    of('refused with Retry-After', sum(counts.refused), ''),
    of('other failures', sum(counts.failures), '', '0'),
    of('polls', polls.polls, ''),
    of('polls not answered', polls.failures, '', '0'),
    of('a poll: median', polls.p50, 'ms'),
    of('a poll: 99th percentile', polls.p99, 'ms', `< ${POLL_P99_MS}`),
    of('a poll: longest', polls.max, 'ms'),
    of('memory: middle third', rss.early, 'MB'),
    of('memory: last third', rss.late, 'MB', 'level'),
    of('memory: peak', peak, 'MB', group ? '< 512, by the kernel' : '< 512'),
    of('killed for memory', group?.killed() ?? 0, '', '0'),
    of('open files: middle third', files.early, ''),
    of('open files: last third', files.late, '', 'level'),
    of('open files at rest', seen.atRest, ''),
    of('CPU', seen.cpu, 's'),
  ])
  console.log(`\nrefused: ${JSON.stringify(counts.refused)}`)
  console.log(`failures: ${JSON.stringify(counts.failures, null, 2)}`)
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, each) => all + each, 0)
}

const group = createMemoryGroup(`telestore-load-${process.pid}`, LIMIT_BYTES)
if (!group) console.log('The kernel gives no memory limit here: the peak is only watched.')
try {
  await run(group)
} finally {
  group?.remove()
}
