import { randomBytes } from 'node:crypto'
import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { reconcile } from '../../src/core/maintenance/reconcile.ts'
import { STREAM_CHUNK_BYTES } from '../../src/core/model/stream.ts'
import type { ChunkName } from '../../src/core/ports/spool.ts'
import { MiB } from '../../src/lib/units.ts'
import { openLedger } from '../../src/storage/ledger/ledger.ts'
import { createSpool } from '../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { insertUpload } from '../helpers/storage/insert-upload.ts'
import { claim, pieces } from '../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../helpers/storage/spool-upload.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { makeUpload } from '../helpers/upload.ts'

/** What a process that dies at any moment of a stream leaves, and what the next one makes of it. */

const { signal } = new AbortController()

test('a chunk that was whole and had no row yet grows again, and no byte is lost', async () => {
  const { ledger, spool } = await makePlace()
  const bytes = randomBytes(STREAM_CHUNK_BYTES)
  await growChunk(spool, { upload: spoolUpload('up'), index: 0 }, bytes)

  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({ strayFiles: 0, lostChunks: 0 })

  expect(await spool.chunkIndexes(spoolUpload('up'))).toEqual([])
  expect(await spool.partialBytes({ upload: spoolUpload('up'), index: 0 })).toBe(STREAM_CHUNK_BYTES)
})

test('a chunk that the disk has shortened is sent anew, not gone on with', async () => {
  const { ledger, spool, directory } = await makePlace()
  const whole = await growChunk(
    spool,
    { upload: spoolUpload('up'), index: 0 },
    randomBytes(5 * MiB),
  )
  await ledger.acceptChunk(
    'up',
    { index: 0, ...whole },
    { chunkSize: STREAM_CHUNK_BYTES, token: null, now: 1 },
  )
  await truncate(join(directory, 'uploads', 'up', '0.chunk'), 1000)

  await reconcile(ledger, spool, Date.now)

  expect(await ledger.chunks('up')).toEqual([])
  expect(await spool.chunkIndexes(spoolUpload('up'))).toEqual([])
  expect(await spool.partialBytes({ upload: spoolUpload('up'), index: 0 })).toBe(0)
})

test('bytes of a chunk that is not whole outlive the process', async () => {
  const { ledger, spool } = await makePlace()
  const name = { upload: spoolUpload('up'), index: 0 }
  await spool.append(name, pieces(randomBytes(1234), 100), { targetBytes: 5 * MiB, signal })

  await reconcile(ledger, spool, Date.now)

  expect(await spool.partialBytes(name)).toBe(1234)
})

test('a join that died before its row leaves its parts as they were', async () => {
  const { ledger, spool, directory } = await makePlace()
  const chunk = await claim(spool, 'up', 0, pieces(randomBytes(1000), 100))
  await ledger.acceptChunk(
    'up',
    { index: 0, size: chunk.size, digest: chunk.digest },
    { chunkSize: 1000, token: null, now: 1 },
  )
  await spool.share(
    { upload: spoolUpload('up'), index: 0 },
    { upload: spoolUpload('joined'), index: 0 },
  )
  expect((await stat(join(directory, 'uploads', 'joined', '0.chunk'))).nlink).toBe(2)

  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({ orphans: 1, lostChunks: 0 })

  expect(await spool.uploadIds()).toEqual(['up'])
  expect(await spool.chunkFileSize(spoolUpload('up'), 0)).toBe(1000)
})

async function makePlace() {
  const directory = await makeTempDir()
  const log = createRecordingLog()
  const spool = await createSpool({ directory, fsync: false, log })
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  onTestFinished(async () => {
    await spool.close()
    await ledger.close()
  })
  const size = 12 * MiB
  await insertUpload(
    ledger,
    makeUpload({ id: 'up', size, totalChunks: 3, chunkSize: null }),
    'token',
    { metadata: null, concat: null },
  )
  return { ledger, spool, directory }
}

async function growChunk(
  spool: Awaited<ReturnType<typeof createSpool>>,
  name: ChunkName,
  bytes: Buffer,
) {
  const source = pieces(bytes, 65_536)
  const { whole } = await spool.append(name, source, { targetBytes: bytes.length, signal })
  if (whole === null) throw new Error('the chunk is not whole')
  await whole.claim(name.upload, name.index)
  return { size: whole.size, digest: whole.digest }
}
