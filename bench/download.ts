/**
 * What it costs to read a file back, against stock gramjs in the same run.
 * Worker, emulator and peer are processes of their own. `npm run bench:download`, which builds first.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../src/lib/units.ts'
import { runNode, startTelegramProcess, startWorkerProcess } from './processes.ts'
import { type Figure, median, saveResult } from './results.ts'
import { completed, readBack, sendFile } from './web-client.ts'

interface Run {
  bytes: number
  seconds: number
  cpu: number
}

interface Counters {
  methods: Record<string, { calls: number }>
  unitsFetched: Record<string, number[]>
}

const ROUNDS = 3
const GB = 1024 * MiB
const FILE_MB = 256
const against = 'gramjs iterDownload'
const emulator = await startTelegramProcess()
const settings = (change: object) => emulator.callControl('POST', '/settings', change)
const counters = async () => (await emulator.callControl('GET', '/counters')) as Counters
const worker = await startWorkerProcess(emulator, { BLOCK_CACHE_BYTES: '32MB' })
const block = randomBytes(5 * MiB)

function stock(mode: 'download' | 'seek', messageId: number, offset = 0): Promise<Run> {
  const { account, mtproto } = emulator
  const { session, apiId, apiHash, channelId } = account
  const place = { host: mtproto.host, port: mtproto.port }
  const user = { session, apiId, apiHash, channelId }
  return runNode('bench/children/stock-gramjs.ts', {
    mode,
    messageId,
    offset,
    workers: 1,
    ...place,
    ...user,
  })
}

async function ours(messageId: number): Promise<Run> {
  const before = worker.usage().cpu
  const started = performance.now()
  const bytes = await readBack(worker, messageId, () => {})
  return { bytes, seconds: (performance.now() - started) / 1000, cpu: worker.usage().cpu - before }
}

async function paired(messageId: number): Promise<{ stock: Run[]; ours: Run[] }> {
  const runs = { stock: [] as Run[], ours: [] as Run[] }
  for (let round = 0; round < ROUNDS; round++) {
    runs.stock.push(await stock('download', messageId))
    runs.ours.push(await ours(messageId))
  }
  return runs
}

const cpuPerGb = (runs: Run[]) => median(runs.map((run) => (run.cpu * GB) / run.bytes))
const speed = (runs: Run[]) => median(runs.map((run) => run.bytes / MiB / run.seconds))

/** Calls that Telegram has answered so far. */
async function calls(): Promise<number> {
  const { methods } = await counters()
  return Object.values(methods).reduce((sum, method) => sum + method.calls, 0)
}

async function timeToFirstByte(messageId: number, offset: number): Promise<number> {
  const started = performance.now()
  const response = await fetch(`${worker.url}/download?messageId=${messageId}`, {
    headers: { authorization: `Bearer ${worker.token}`, range: `bytes=${offset}-` },
  })
  const reader = response.body?.getReader()
  await reader?.read()
  const milliseconds = performance.now() - started
  await reader?.cancel()
  return milliseconds
}

async function seeks(messageId: number): Promise<Figure[]> {
  await settings({ latencyMs: 100 })
  const times = { stock: [] as number[], ours: [] as number[] }
  const offsets = [40, 80, 120, 160, 200].map((megabytes) => megabytes * MiB + 12_345)
  for (const offset of offsets) {
    times.stock.push((await stock('seek', messageId, offset)).seconds * 1000)
    times.ours.push(await timeToFirstByte(messageId, offset))
    await wait(500)
  }
  const before = await calls()
  await stock('seek', messageId, 210 * MiB)
  const between = await calls()
  const probe = {
    headers: {
      authorization: `Bearer ${worker.token}`,
      range: `bytes=${220 * MiB}-${220 * MiB + 9}`,
    },
  }
  await (await fetch(`${worker.url}/download?messageId=${messageId}`, probe)).arrayBuffer()
  const after = await calls()
  await settings({ latencyMs: 0 })
  const way = 'connect, resolve, find, read'
  return [
    {
      figure: 'calls to Telegram for a seek, warm',
      value: after - between,
      unit: '',
      against: way,
      peer: between - before,
      target: '1',
    },
    {
      figure: 'first byte of a seek, 100 ms, warm',
      value: median(times.ours),
      unit: 'ms',
      against: way,
      peer: median(times.stock),
      target: '< 130',
    },
  ]
}

async function costAndSpeed(messageId: number): Promise<Figure[]> {
  const near = await paired(messageId)
  await settings({ latencyMs: 100, bandwidthPerConnection: 8 * MiB })
  await ours(messageId)
  const far = await paired(messageId)
  await settings({ latencyMs: 0, bandwidthPerConnection: null })
  return [
    {
      figure: 'throughput, 100 ms, 8 MB/s a connection',
      value: speed(far.ours),
      unit: 'MB/s',
      against,
      peer: speed(far.stock),
      target: 'ratio >= 3',
    },
    {
      figure: 'throughput, 0 ms',
      value: speed(near.ours),
      unit: 'MB/s',
      against,
      peer: speed(near.stock),
      target: 'ratio >= 2.5',
    },
    {
      figure: 'CPU, Telegram to HTTP',
      value: cpuPerGb(near.ours),
      unit: 's/GB',
      against,
      peer: cpuPerGb(near.stock),
      target: 'ratio <= 0.6',
    },
  ]
}

/** One reader; the slow ones take 1 MB a second. */
async function readFor(messageId: number, seconds: number, slow: boolean): Promise<void> {
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const response = await fetch(`${worker.url}/download?messageId=${messageId}`, {
      headers: {
        authorization: `Bearer ${worker.token}`,
        range: `bytes=${Math.floor(Math.random() * 100) * MiB}-`,
      },
    })
    const reader = response.body?.getReader()
    for (let step = await reader?.read(); step && !step.done; step = await reader?.read()) {
      if (performance.now() > until) break
      if (slow) await wait((step.value.length / MiB) * 1000)
    }
    await reader?.cancel()
  }
}

async function memoryOf(
  readers: number,
  messageId: number,
  idle: number,
  target: string,
): Promise<Figure> {
  let peak = 0
  const sampler = setInterval(() => {
    peak = Math.max(peak, worker.usage().rss)
  }, 100)
  await Promise.all(
    Array.from({ length: readers }, (_, index) => readFor(messageId, 15, index % 2 === 1)),
  )
  clearInterval(sampler)
  return {
    figure: `memory over idle, ${readers} readers, half at 1 MB/s`,
    value: (peak - idle) / MiB,
    unit: 'MB',
    target,
  }
}

async function overlapping(messageId: number): Promise<Figure> {
  await emulator.callControl('POST', '/counters/reset')
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => {
      const from = 30 * MiB + index * 300_000
      return readBack(worker, messageId, () => {}, `bytes=${from}-${from + 3_000_000}`)
    }),
  )
  const fetched = Object.values((await counters()).unitsFetched).flat()
  return {
    figure: 'most fetches of one unit, 20 overlapping ranges',
    value: Math.max(...fetched),
    unit: '',
    target: '1',
  }
}

try {
  const upload = (megabytes: number) =>
    sendFile(worker, { megabytes, block, parallel: 3 }).then((id) => completed(worker, id))
  const messageId = await upload(FILE_MB)
  await readBack(worker, messageId, () => {}, `bytes=0-${5 * MiB}`)
  await wait(3000)
  const idle = worker.usage().rss
  const memory = [
    await memoryOf(1, messageId, idle, '< 60'),
    await memoryOf(16, messageId, idle, '< 120'),
    await memoryOf(50, messageId, idle, '< 200'),
  ]
  const figures = [...(await seeks(messageId)), ...(await costAndSpeed(messageId)), ...memory]
  await saveResult('download', 'Out of Telegram', [...figures, await overlapping(await upload(60))])
} finally {
  await worker.stop()
  await emulator.stop()
}
