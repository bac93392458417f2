/**
 * A process of its own for tests that kill it: `storage-child.ts <mode> <directory>`.
 *
 * `lock` takes the lock of the data directory and keeps it. `receive` takes it too, then receives,
 * claims and records chunks without end. Lines on stdout are promises: `locked`, then one
 * `<uploadId> <index> <digest>` per acknowledged chunk.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import type { ReceivedChunk } from '../../../src/core/ports/spool.ts'
import { KiB } from '../../../src/lib/units.ts'
import { lockDataDir } from '../../../src/storage/disk/data-dir-lock.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createSpool } from '../../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../recording-log.ts'
import { makeUpload } from '../upload.ts'
import { insertUpload } from './insert-upload.ts'
import { spoolUpload } from './spool-upload.ts'

const [, , mode, directory = ''] = process.argv
const { signal } = new AbortController()
const log = createRecordingLog()
const CHUNK = 300 * KiB
const CHUNKS = 40

await lockDataDir(directory, { signal, log })
say('locked')
if (mode === 'receive') await receiveForever()
setInterval(() => {}, 60_000)

async function receiveForever(): Promise<void> {
  const ledger = openLedger({ path: join(directory, 'ledger.sqlite'), key: Buffer.alloc(32), log })
  const spool = await createSpool({ directory, fsync: false, log })
  for (;;) {
    const id = randomUUID()
    await insertUpload(
      ledger,
      makeUpload({ id, size: CHUNK * CHUNKS, totalChunks: CHUNKS }),
      'token',
    )
    const receiveEveryFourth = async (first: number): Promise<void> => {
      for (let index = first; index < CHUNKS; index += 4) {
        const chunk = await spool.receive(source(), { maxBytes: CHUNK, signal })
        await acknowledge(id, index, chunk)
      }
    }
    await Promise.all([0, 1, 2, 3].map(receiveEveryFourth))
  }

  async function acknowledge(id: string, index: number, chunk: ReceivedChunk): Promise<void> {
    await chunk.claim(spoolUpload(id), index)
    const { size, digest } = chunk
    await ledger.acceptChunk(
      id,
      { index, size, digest },
      { chunkSize: CHUNK, token: null, now: Date.now() },
    )
    say(`${id} ${index} ${digest}`)
  }
}

async function* source(): AsyncGenerator<Buffer> {
  for (let at = 0; at < CHUNK; at += 60 * KiB) yield randomBytes(60 * KiB)
}

/** Written before it returns, so that a kill cannot take back what was said. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}
