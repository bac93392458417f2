import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { reconcile } from '../../src/core/maintenance/reconcile.ts'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { lockDataDir } from '../../src/storage/disk/data-dir-lock.ts'
import { openLedger } from '../../src/storage/ledger/ledger.ts'
import { createSpool } from '../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { startChild } from '../helpers/start-child.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'

const ROUNDS = 8

test('killed at any moment, again and again, it keeps every chunk it acknowledged', async () => {
  const directory = await makeTempDir()
  const promised = new Map<string, string>()

  for (let round = 0; round < ROUNDS; round++) {
    const child = startChild('storage/storage-child.ts', ['receive', directory])
    await vi.waitFor(() => expect(child.lines.length, child.errors).toBeGreaterThan(1))
    await sleep(Math.random() * 150)
    await child.kill()
    for (const line of child.lines.slice(1)) {
      const [id, index, digest] = line.split(' ')
      promised.set(`${id} ${index}`, digest ?? '')
    }

    const kept = await restart(directory)

    for (const [chunk, digest] of promised) expect(kept.get(chunk)).toBe(digest)
    // What was recorded but not yet said is allowed: one chunk for each of four lanes and rounds.
    expect(kept.size - promised.size).toBeLessThanOrEqual(4 * (round + 1))
  }
  expect(promised.size).toBeGreaterThan(ROUNDS)
})

/** Starts as the worker does, and returns the digest of every chunk that ledger and disk agree on. */
async function restart(directory: string): Promise<Map<string, string>> {
  const log = createRecordingLog()
  const release = await lockDataDir(directory, { signal: AbortSignal.timeout(5_000), log })
  const ledger = openLedger({ path: join(directory, 'ledger.sqlite'), key: Buffer.alloc(32), log })
  const spool = await createSpool({ directory, fsync: false, log })
  try {
    const report = await reconcile(ledger, spool, Date.now)
    expect(report).toMatchObject({ lostChunks: 0, failedUploads: 0 })
    expect(log.entries).toEqual([])
    expect(await readdir(join(directory, 'tmp'))).toEqual([])

    const kept = new Map<string, string>()
    for (const { id } of await ledger.uploadsInState('receiving')) {
      for (const { index, digest } of await ledger.chunks(id)) {
        const bytes = await readFile(join(directory, 'uploads', id, `${index}.chunk`))
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(digest)
        kept.set(`${id} ${index}`, digest)
      }
    }
    return kept
  } finally {
    await spool.close()
    await ledger.close()
    release()
  }
}
