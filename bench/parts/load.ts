import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import { runOnce } from '../harness/processes.ts'
import type { Figure, Goal } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { startWorker, type WorkerProcess } from '../harness/worker.ts'
import { createMemoryGroup, type MemoryGroup } from '../load/memory-group.ts'
import type { PollCounts } from '../load/poller.ts'
import type { Counts } from '../load/tally.ts'

const SECONDS = 150
const LIMIT_BYTES = 512 * MiB
const UPLOADERS = 200
const DOWNLOADERS = 50
const FILE_BYTES = 200 * MiB

export const title = `${UPLOADERS} uploads and ${DOWNLOADERS} downloads at once for ${SECONDS} s, with 512 MB`

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

/**
 * 200 clients that upload at about 1 MB/s each and 50 that download, half of them slow or gone in the
 * middle, against a worker that the kernel holds to 512 MB. The clients are a process of their own.
 */
export async function run(scope: Scope): Promise<Figure[]> {
  const group = createMemoryGroup(`telestore-load-${process.pid}`, LIMIT_BYTES)
  if (group) scope.onEnd(group.remove)
  else scope.missing.set('memory limit', 'the kernel gives none here: the peak is only watched')
  const emulator = await startEmulator(scope)
  const tokens = Array.from({ length: UPLOADERS }, () => randomBytes(12).toString('hex'))
  const worker = await startWorker(scope, emulator, {
    env: { AUTH_TOKENS: ['bench', ...tokens].join(',') },
    enter: [FIRST, group?.join].filter(Boolean).join('; '),
  })
  const [messageId = 0] = await postFiles(worker, [FILE_BYTES])
  const cpuBefore = worker.usage().cpu
  const watching = watch(worker)
  const { url, token } = worker
  const seconds = SECONDS
  const polling = runOnce<PollCounts>(scope, 'bench/load/poller.ts', {
    task: { url, tokens, seconds },
    enter: FIRST,
  })
  const clients = runOnce<Counts>(scope, 'bench/load/clients.ts', {
    task: {
      ...{ url, tokens, seconds, uploaders: UPLOADERS, downloaders: DOWNLOADERS },
      bytesPerSecond: MiB,
      file: { messageId, size: FILE_BYTES, token },
    },
  })
  const [polls, counts] = await Promise.all([polling, clients])
  watching.stop()
  const cpu = worker.usage().cpu - cpuBefore
  // What is left runs out: only then are files that are still open a leak.
  await wait(15_000)
  const atRest = readdirSync(`/proc/${worker.pid}/fd`).length
  console.error(`  refused: ${JSON.stringify(counts.refused)}`)
  console.error(`  failures: ${JSON.stringify(counts.failures, null, 2)}`)
  return figures({ counts, polls, samples: watching.samples, cpu, atRest, group })
}

interface Seen {
  counts: Counts
  polls: PollCounts
  samples: Sample[]
  cpu: number
  atRest: number
  group: MemoryGroup | null
}

function figures({ counts, polls, samples, cpu, atRest, group }: Seen): Figure[] {
  const rss = levels(samples, (sample) => sample.rss / MiB)
  const files = levels(samples, (sample) => sample.files)
  const peak = Math.max(...samples.map((sample) => sample.rss)) / MiB
  const of = (figure: string, value: number, unit = '', goal?: Goal): Figure => ({
    figure,
    unit,
    values: { worker: value },
    ...(goal && { goals: [goal] }),
  })
  const none = { atMost: 0 }
  return [
    of('bytes in', counts.bytesSent / MiB / SECONDS, 'MB/s'),
    of('bytes out', counts.bytesRead / MiB / SECONDS, 'MB/s'),
    of('uploads in Telegram', counts.uploadsCompleted),
    of('uploads that clients left', counts.uploadsAbandoned),
    of('downloads to their end', counts.downloads),
    of('refused with Retry-After', sum(counts.refused)),
    of('other failures', sum(counts.failures), '', none),
    of('polls', polls.polls),
    of('polls not answered', polls.failures, '', none),
    of('a poll: median', polls.p50, 'ms'),
    of('a poll: 99th percentile', polls.p99, 'ms', { atMost: 100 }),
    of('a poll: longest', polls.max, 'ms'),
    of('memory: middle third', rss.early, 'MB'),
    of('memory: last third', rss.late, 'MB'),
    of('memory: peak', peak, 'MB', { atMost: 512 }),
    of('killed for memory', group?.killed() ?? 0, '', none),
    of('open files: middle third', files.early),
    of('open files: last third', files.late),
    of('open files at rest', atRest),
    of('CPU', cpu, 's'),
  ]
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, each) => all + each, 0)
}
