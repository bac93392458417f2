/**
 * What it costs to carry a file to Telegram, against stock gramjs in the same run.
 * Worker, emulator and peer are processes of their own. `npm run bench:upload`, which builds first.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MiB } from '../src/lib/units.ts'
import {
  type EmulatorProcess,
  runNode,
  startTelegramProcess,
  startWorkerProcess,
} from './processes.ts'
import { type Figure, median, saveResult } from './results.ts'
import { completed, sendFile } from './web-client.ts'

interface Run {
  bytes: number
  seconds: number
  cpu: number
}

const ROUNDS = 3
const GB = 1024 * MiB
const folder = await mkdtemp(join(tmpdir(), 'bench-upload-'))
const emulator = await startTelegramProcess()
const settings = (change: object) => emulator.callControl('POST', '/settings', change)
const NO_LIMITS = { latencyMs: 0, bandwidthPerConnection: null, cutConnectionsEveryMs: null }

async function stock(megabytes: number): Promise<Run> {
  const path = join(folder, `stock-${megabytes}.bin`)
  await writeFile(path, randomBytes(megabytes * MiB))
  const { account, mtproto } = emulator
  return runNode('bench/children/stock-gramjs.ts', {
    mode: 'upload',
    host: mtproto.host,
    // Stock gramjs opens a second connection for bulk; on a main address it must not kill the key.
    port: mtproto.port,
    path,
    workers: 8,
    ...pick(account),
  })
}

async function ours(megabytes: number): Promise<Run> {
  const { account, mtproto } = emulator
  const { dcId, host, port, publicKeyPem } = mtproto
  return runNode('bench/children/our-upload.ts', {
    folder: join(folder, 'spool'),
    megabytes,
    serverKeyPem: publicKeyPem,
    server: { dcId, host, port },
    ...pick(account),
  })
}

function pick({ session, apiId, apiHash, channelId }: EmulatorProcess['account']) {
  return { session, apiId, apiHash, channelId }
}

/** Both in turn, so that a machine that slows down slows both. */
async function paired(megabytes: number): Promise<{ stock: Run[]; ours: Run[] }> {
  const runs = { stock: [] as Run[], ours: [] as Run[] }
  for (let round = 0; round < ROUNDS; round++) {
    runs.stock.push(await stock(megabytes))
    runs.ours.push(await ours(megabytes))
    // What was posted or half sent would fill the disk.
    await rm(join(folder, 'spool'), { recursive: true, force: true })
  }
  return runs
}

const cpuPerGb = (runs: Run[]) => median(runs.map((run) => (run.cpu * GB) / run.bytes))
const speed = (runs: Run[]) => median(runs.map((run) => run.bytes / MiB / run.seconds))

async function costAndSpeed(): Promise<Figure[]> {
  await settings(NO_LIMITS)
  const near = await paired(256)
  await settings({ latencyMs: 100, bandwidthPerConnection: 8 * MiB })
  const far = await paired(128)
  await settings(NO_LIMITS)
  const against = 'gramjs uploadFile, workers 8'
  return [
    {
      figure: 'CPU, disk to Telegram',
      value: cpuPerGb(near.ours),
      unit: 's/GB',
      against,
      peer: cpuPerGb(near.stock),
      target: 'ratio <= 0.4',
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
      figure: 'throughput, 100 ms, 8 MB/s a connection',
      value: speed(far.ours),
      unit: 'MB/s',
      against,
      peer: speed(far.stock),
      target: 'ratio >= 4',
    },
  ]
}

/** From the last chunk's answer to `completed`; Telegram takes 20 MB/s in all, and so does the client. */
async function timeToCompleted(): Promise<Figure> {
  const perSecond = 20 * MiB
  const worker = await startWorkerProcess(emulator)
  try {
    // Loads gramjs and opens the connections, as in a worker that has been used.
    await completed(worker, await sendFile(worker, { megabytes: 11, block: randomBytes(5 * MiB) }))
    await settings({ bandwidthPerConnection: perSecond / 4 })
    const file = {
      megabytes: 500,
      block: randomBytes(5 * MiB),
      bytesPerSecond: perSecond,
      parallel: 3,
    }
    const uploadId = await sendFile(worker, file)
    const answeredAt = performance.now()
    await completed(worker, uploadId)
    const seconds = (performance.now() - answeredAt) / 1000
    // The way of the worker this one replaces: everything goes to Telegram after the last chunk.
    await settings({ bandwidthPerConnection: perSecond })
    const after = await stock(500)
    return {
      figure: 'last chunk to completed, 500 MB, both lines 20 MB/s',
      value: seconds,
      unit: 's',
      against: 'gramjs, sent after the last chunk',
      peer: after.seconds,
      target: '< 2 s',
    }
  } finally {
    await settings(NO_LIMITS)
    await worker.stop()
  }
}

async function memoryOfFour(): Promise<Figure> {
  const worker = await startWorkerProcess(emulator)
  try {
    const block = randomBytes(5 * MiB)
    await completed(worker, await sendFile(worker, { megabytes: 11, block }))
    const idle = worker.usage().rss
    let peak = idle
    const sampler = setInterval(() => {
      peak = Math.max(peak, worker.usage().rss)
    }, 100)
    await Promise.all(
      [1, 2, 3, 4].map(async () =>
        completed(worker, await sendFile(worker, { megabytes: 500, block, parallel: 2 })),
      ),
    )
    clearInterval(sampler)
    return {
      figure: 'memory over idle, 4 uploads of 500 MB at once',
      value: (peak - idle) / MiB,
      unit: 'MB',
      target: '< 100',
    }
  } finally {
    await worker.stop()
  }
}

/** Twenty files while Telegram refuses every twentieth call and cuts all lines every 5 s. */
async function inBadWeather(): Promise<Figure[]> {
  const worker = await startWorkerProcess(emulator)
  const { channelId } = emulator.account
  const countMessages = async () => {
    const found = await emulator.callControl('GET', `/messages?channelId=${channelId}`)
    return Array.isArray(found) ? found.length : Number.NaN
  }
  try {
    const block = randomBytes(5 * MiB)
    await completed(worker, await sendFile(worker, { megabytes: 11, block }))
    const before = await countMessages()
    const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' }
    await emulator.callControl('POST', '/faults', {
      method: '*',
      effect,
      probability: 0.05,
      seed: 7,
    })
    await settings({ cutConnectionsEveryMs: 5000 })
    const started = performance.now()
    const ends = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, index) =>
        completed(worker, await sendFile(worker, { megabytes: 20, extraBytes: index, block })),
      ),
    )
    const seconds = (performance.now() - started) / 1000
    const failed = ends.filter((end) => end.status === 'rejected')
    for (const { reason } of failed) console.error(reason)
    const posted = (await countMessages()) - before
    return [
      {
        figure: '20 transfers, 5 % FLOOD_WAIT_2, cuts every 5 s: completed',
        value: 20 - failed.length,
        unit: '',
        target: '20',
      },
      { figure: 'the same: messages posted', value: posted, unit: '', target: '20' },
      { figure: 'the same: time', value: seconds, unit: 's' },
    ]
  } finally {
    await emulator.callControl('DELETE', '/faults')
    await settings(NO_LIMITS)
    await worker.stop()
  }
}

try {
  const figures = [
    ...(await costAndSpeed()),
    await timeToCompleted(),
    await memoryOfFour(),
    ...(await inBadWeather()),
  ]
  await saveResult('upload', 'Into Telegram', figures)
} finally {
  await emulator.stop()
  await rm(folder, { recursive: true, force: true })
}
