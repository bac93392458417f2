import { randomBytes } from 'node:crypto'
import { MiB } from '../../src/lib/units.ts'
import { completed, sendFile, type WorkerAddress } from './web-client.ts'

/** Brings files to Telegram, one after the other; resolves with their messages' ids. */
export async function postFiles(
  worker: WorkerAddress,
  sizes: readonly number[],
): Promise<number[]> {
  const block = randomBytes(5 * MiB)
  const ids: number[] = []
  for (const size of sizes) {
    const uploadId = await sendFile(worker, { megabytes: size / MiB, block, parallel: 3 })
    ids.push(await completed(worker, uploadId))
  }
  return ids
}
