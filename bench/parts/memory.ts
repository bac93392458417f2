import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { type EmulatorProcess, startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import { peakOf } from '../harness/peak.ts'
import { readBack } from '../harness/read-back.ts'
import type { Figure } from '../harness/results.ts'
import { type Scope, withScope } from '../harness/scope.ts'
import { completed, sendFile } from '../harness/web-client.ts'
import { startWorker, type WorkerProcess } from '../harness/worker.ts'

export const title = 'Memory of the worker over idle, at its peak'

const READ_SECONDS = 15
const FILE_BYTES = 256 * MiB
const BIG_MEGABYTES = 1024

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const uploader = await startWorker(scope, emulator)
  const [small = 0, messageId = 0] = await postFiles(uploader, [11 * MiB, FILE_BYTES])
  const overIdle = (work: (worker: WorkerProcess) => Promise<unknown>) =>
    peakOverIdle(emulator, small, work)
  const readers = (count: number) => overIdle((worker) => manyReaders(worker, messageId, count))
  const block = randomBytes(5 * MiB)
  return [
    of('1 reader', await readers(1), 40),
    of('50 readers, half of them at 1 MB/s', await readers(50), 100),
    of('1 GB in, 4 chunks at once, and out again', await overIdle(inAndOut), 150),
    of(
      '4 uploads of 256 MB at once',
      await overIdle((worker) =>
        Promise.all(
          [1, 2, 3, 4].map(async () =>
            completed(worker, await sendFile(worker, { megabytes: 256, block, parallel: 2 })),
          ),
        ),
      ),
      100,
    ),
  ]
}

const of = (figure: string, megabytes: number, atMost: number): Figure => ({
  figure,
  unit: 'MB',
  values: { worker: megabytes },
  goals: [{ atMost }],
})

/**
 * The most memory that a worker has while `work` runs, over what it has when nothing happens; MB. It
 * has read a small file before, so that the library for MTProto, which it loads at its first use, is
 * not the work's.
 */
async function peakOverIdle(
  emulator: EmulatorProcess,
  smallFile: number,
  work: (worker: WorkerProcess) => Promise<unknown>,
): Promise<number> {
  const { value } = await withScope(1, async (own) => {
    const worker = await startWorker(own, emulator)
    await readBack(worker, smallFile)
    await wait(3000)
    const idle = worker.usage().rss
    const { peak } = await peakOf(
      () => worker.usage().rss,
      () => work(worker),
    )
    return (peak - idle) / MiB
  })
  return value
}

/** Readers who begin anywhere in the file; every second one is slow. */
async function manyReaders(worker: WorkerProcess, messageId: number, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, index) => readFor(worker, messageId, index % 2 === 1)),
  )
}

async function readFor({ url, token }: WorkerProcess, messageId: number, slow: boolean) {
  const until = performance.now() + READ_SECONDS * 1000
  while (performance.now() < until) {
    const from = Math.floor(Math.random() * 100) * MiB
    const response = await fetch(`${url}/download?messageId=${messageId}`, {
      headers: { authorization: `Bearer ${token}`, range: `bytes=${from}-` },
    })
    if (!response.ok || !response.body) throw new Error(`download: ${response.status}`)
    for await (const piece of response.body) {
      if (performance.now() > until) break
      if (slow) await wait((piece.length / MiB) * 1000)
    }
  }
}

async function inAndOut(worker: WorkerProcess): Promise<void> {
  const block = randomBytes(5 * MiB)
  const file = { megabytes: BIG_MEGABYTES, block, parallel: 4 }
  const messageId = await completed(worker, await sendFile(worker, file))
  const found = createHash('sha256')
  await readBack(worker, messageId, { onBytes: (bytes) => found.update(bytes) })
  const expected = createHash('sha256')
  for (let left = BIG_MEGABYTES * MiB; left > 0; left -= block.length) {
    expected.update(block.subarray(0, Math.min(left, block.length)))
  }
  if (found.digest('hex') !== expected.digest('hex')) throw new Error('the file came back damaged')
}
