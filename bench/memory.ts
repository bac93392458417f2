/**
 * Memory of the worker while 1 GB goes in and comes back. Emulator, worker and client are
 * processes of their own. `npm run bench:memory [megabytes]`, after `npm run build`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { MiB } from '../src/lib/units.ts'
import { type Process, startTelegramProcess, startWorkerProcess } from './processes.ts'
import { saveResult } from './results.ts'
import { completed, readBack, sendFile } from './web-client.ts'

const megabytes = Number(process.argv[2] ?? 1024)
const SAMPLE_MS = 100

/** The largest resident set while `work` runs, bytes. */
async function peakOf<T>(
  process: Process,
  work: () => Promise<T>,
): Promise<{ value: T; peak: number }> {
  let peak = process.usage().rss
  const timer = setInterval(() => {
    peak = Math.max(peak, process.usage().rss)
  }, SAMPLE_MS)
  try {
    return { value: await work(), peak }
  } finally {
    clearInterval(timer)
  }
}

const emulator = await startTelegramProcess()
const worker = await startWorkerProcess(emulator)
try {
  // A small file first: gramjs is loaded at the first use, and that is not the file's doing.
  await completed(worker, await sendFile(worker, { megabytes: 11, block: randomBytes(5 * MiB) }))
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const idle = worker.usage()

  const block = randomBytes(5 * MiB)
  const upload = await peakOf(worker, async () =>
    completed(worker, await sendFile(worker, { megabytes, block, parallel: 4 })),
  )
  const afterUpload = worker.usage()
  const hash = createHash('sha256')
  const download = await peakOf(worker, () =>
    readBack(worker, upload.value, (bytes) => hash.update(bytes)),
  )
  const afterDownload = worker.usage()

  const expected = createHash('sha256')
  for (let left = megabytes * MiB; left > 0; left -= block.length) {
    expected.update(block.subarray(0, Math.min(left, block.length)))
  }
  if (hash.digest('hex') !== expected.digest('hex')) throw new Error('the file came back damaged')
  const gigabytes = megabytes / 1024
  await saveResult('memory', 'Memory of the worker, 1 GB in and out', [
    { figure: 'idle, gramjs loaded', value: idle.rss / MiB, unit: 'MB' },
    {
      figure: 'upload: peak over idle',
      value: (upload.peak - idle.rss) / MiB,
      unit: 'MB',
      target: '< 150',
    },
    {
      figure: 'download: peak over idle',
      value: (download.peak - idle.rss) / MiB,
      unit: 'MB',
      target: '< 150',
    },
    { figure: 'upload: CPU', value: (afterUpload.cpu - idle.cpu) / gigabytes, unit: 's/GB' },
    {
      figure: 'download: CPU',
      value: (afterDownload.cpu - afterUpload.cpu) / gigabytes,
      unit: 's/GB',
    },
  ])
} finally {
  await worker.stop()
  await emulator.stop()
}
