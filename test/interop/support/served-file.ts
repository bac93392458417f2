import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Emulator } from 'telegram-emulator'
import { KiB } from '../../../src/lib/units.ts'
import { downloadUrl, uploadFile } from '../../helpers/callers/client.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorkerProcess, type WorkerProcess } from '../../helpers/worker/worker-process.ts'

export interface ServedFile {
  /** Its address at the worker. */
  link: string
  worker: WorkerProcess
  telegram: Emulator
  /** An empty folder for what the client needs and makes; goes with the test. */
  folder: string
}

/** A file that went through a worker into the emulated Telegram, and can be had from there. */
export async function serveFile(fileName: string, bytes: Buffer): Promise<ServedFile> {
  const telegram = await startTelegram()
  const worker = await startWorkerProcess(telegram, await makeTempDir())
  const folder = await makeTempDir()
  const { messageId } = await uploadFile(worker.url, fileName, bytes, { token: 'main' })
  telegram.counters.reset()
  return { link: downloadUrl(worker.url, messageId, 'main'), worker, telegram, folder }
}

/** Bytes that Telegram was asked for since its counters were reset, in its units of 128 KB. */
export function bytesFetched(telegram: Emulator): number {
  const units = Object.values(telegram.counters.read().unitsFetched).flat()
  return units.reduce((sum, times) => sum + times, 0) * 128 * KiB
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
