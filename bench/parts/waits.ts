import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { type EmulatorProcess, NEAR, startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import { bigFile, obey, startPeer } from '../harness/peers.ts'
import type { Talker } from '../harness/processes.ts'
import { readBack } from '../harness/read-back.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { completed, sendFile } from '../harness/web-client.ts'
import { startWorker, type WorkerProcess } from '../harness/worker.ts'

export const title = 'What a person waits for'

const FILE_BYTES = 256 * MiB
const SEEKS = [40, 80, 120, 160, 200]
const LAST_CHUNK_MEGABYTES = 300
const LINE_BYTES_PER_SECOND = 20 * MiB

interface Stage {
  emulator: EmulatorProcess
  worker: WorkerProcess
  /** Does what a worker does that keeps nothing: connect, resolve, find, read. */
  gramjs: Talker | null
}

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const worker = await startWorker(scope, emulator)
  const stage = { emulator, worker, gramjs: await startPeer(scope, emulator, 'gramjs') }
  const path = await bigFile(scope, LAST_CHUNK_MEGABYTES * MiB)
  const [messageId = 0, other = 0] = await postFiles(worker, [FILE_BYTES, 60 * MiB])
  return [
    ...(await seeks(stage, messageId)),
    await overlapping(stage, other),
    await lastChunk(stage, path),
  ]
}

async function seeks({ emulator, worker, gramjs }: Stage, messageId: number): Promise<Figure[]> {
  await emulator.control('POST', '/settings', { latencyMs: 100 })
  const ours: number[] = []
  const theirs: number[] = []
  const seek = (offset: number) => gramjs && obey(gramjs, { do: 'seek', messageId, offset })
  for (const megabytes of SEEKS) {
    const offset = megabytes * MiB + 12_345
    const seen = await seek(offset)
    if (seen) theirs.push(seen.seconds * 1000)
    ours.push(await timeToFirstByte(worker, messageId, offset))
    // What the worker reads ahead must not hold up the next one.
    await wait(500)
  }
  const calls = [await callsOf(emulator)]
  await seek(210 * MiB)
  calls.push(await callsOf(emulator))
  await readBack(worker, messageId, { range: `bytes=${220 * MiB}-${220 * MiB + 9}` })
  calls.push(await callsOf(emulator))
  await emulator.control('POST', '/settings', NEAR)
  const [before = 0, between = 0, after = 0] = calls
  return [
    {
      figure: 'first byte of a seek at 100 ms, file known',
      unit: 'ms',
      values: { worker: median(ours), ...(gramjs && { gramjs: median(theirs) }) },
      goals: [{ atMost: 130 }],
    },
    {
      figure: 'calls to Telegram for that',
      unit: '',
      values: { worker: after - between, ...(gramjs && { gramjs: between - before }) },
      goals: [{ atMost: 1 }],
    },
  ]
}

/** Calls that Telegram has answered so far. */
async function callsOf(emulator: EmulatorProcess): Promise<number> {
  const { methods } = (await emulator.control('GET', '/counters')) as {
    methods: Record<string, { calls: number }>
  }
  return Object.values(methods).reduce((sum, method) => sum + method.calls, 0)
}

async function timeToFirstByte(
  { url, token }: WorkerProcess,
  messageId: number,
  offset: number,
): Promise<number> {
  const startedAt = performance.now()
  const response = await fetch(`${url}/download?messageId=${messageId}`, {
    headers: { authorization: `Bearer ${token}`, range: `bytes=${offset}-` },
  })
  const reader = response.body?.getReader()
  await reader?.read()
  const milliseconds = performance.now() - startedAt
  await reader?.cancel()
  return milliseconds
}

async function overlapping({ emulator, worker }: Stage, messageId: number): Promise<Figure> {
  await emulator.control('POST', '/counters/reset')
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => {
      const from = 30 * MiB + index * 300_000
      return readBack(worker, messageId, { range: `bytes=${from}-${from + 3_000_000}` })
    }),
  )
  const { unitsFetched } = (await emulator.control('GET', '/counters')) as {
    unitsFetched: Record<string, number[]>
  }
  return {
    figure: 'most fetches of one 128 KB, 20 overlapping ranges at once',
    unit: '',
    values: { worker: Math.max(...Object.values(unitsFetched).flat()) },
    goals: [{ atMost: 1 }],
  }
}

/** From the last chunk's answer to `completed`; the peer sends everything after the last chunk. */
async function lastChunk({ emulator, worker, gramjs }: Stage, path: string): Promise<Figure> {
  const bandwidth = (bandwidthPerConnection: number) =>
    emulator.control('POST', '/settings', { bandwidthPerConnection })
  // In all the worker's connections have what the one connection of gramjs has.
  await bandwidth(LINE_BYTES_PER_SECOND / 4)
  const uploadId = await sendFile(worker, {
    megabytes: LAST_CHUNK_MEGABYTES,
    block: randomBytes(5 * MiB),
    bytesPerSecond: LINE_BYTES_PER_SECOND,
    parallel: 3,
  })
  const answeredAt = performance.now()
  await completed(worker, uploadId)
  const seconds = (performance.now() - answeredAt) / 1000
  await bandwidth(LINE_BYTES_PER_SECOND)
  const after = gramjs && (await obey(gramjs, { do: 'upload', path }))
  return {
    figure: `last chunk of ${LAST_CHUNK_MEGABYTES} MB to completed, client and Telegram at 20 MB/s`,
    unit: 's',
    values: { worker: seconds, ...(after && { gramjs: after.seconds }) },
    goals: [{ atMost: 2 }],
  }
}
