import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { uploadFile } from '../helpers/callers/client.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'

/** What is open stays open; the next file's number would be beyond this. */
const STANDARD_STREAMS = 3
/** Longer than the interval of every periodic reading of the process. */
const STARVED_MS = 2_500

test('a worker that cannot open another file lives on, and works again once it can', async () => {
  const telegram = await startTelegram()
  const worker = await startWorkerProcess(telegram, await makeTempDir())

  await limitFiles(worker.pid, STANDARD_STREAMS)
  await sleep(STARVED_MS)
  expect(worker.alive).toBe(true)
  await limitFiles(worker.pid, 4_096)
  const end = await uploadFile(worker.url, 'a.bin', randomBytes(1_000), { token: 'main' })

  expect(end.status).toBe('completed')
  expect(worker.output()).not.toContain('uncaught exception')
})

/** Of a process that runs; without a hard limit, so that it can be given back. */
async function limitFiles(pid: number, count: number): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(pid), `--nofile=${count}:`])
}
