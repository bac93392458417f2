import { randomBytes } from 'node:crypto'
import { readdir, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { reconcile } from '../../../src/core/maintenance/reconcile.ts'
import { wholeUploadId } from '../../../src/core/model/upload.ts'
import type { StoredDocument, TransferState } from '../../../src/core/ports/records.ts'
import { newUploadId } from '../../../src/http/bodies/new-upload.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createSpool } from '../../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { claim, pieces } from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_001_000
const CHUNKS = 4
const DOCUMENT = { id: '1', accessHash: '2', fileReference: 'AA==', dcId: 2 }

test('where ledger and files agree nothing changes', async () => {
  const { ledger, spool, addUpload } = await makePlace()
  await addUpload('receiving')
  await addUpload('sealed', { sealed: true })
  const before = ['receiving', 'sealed'].map(async (id) => [
    await ledger.findUpload(id),
    await ledger.chunks(id),
  ])

  expect(await reconcile(ledger, spool, Date.now)).toEqual({
    lostChunks: 0,
    strayFiles: 0,
    failedUploads: 0,
    orphans: 0,
  })

  expect(
    ['receiving', 'sealed'].map(async (id) => [
      await ledger.findUpload(id),
      await ledger.chunks(id),
    ]),
  ).toEqual(before)
})

test('an upload that died in its one request is gone, as nobody knows its id', async () => {
  const { ledger, spool } = await makePlace()
  const cut = { ...makeUpload(), id: wholeUploadId(newUploadId()), totalChunks: 1 }
  await insertUpload(ledger, cut, 'token')
  const other = { ...makeUpload(), id: 'other-whole', totalChunks: 1 }
  await insertUpload(ledger, other, 'token')

  await reconcile(ledger, spool, Date.now)

  expect((await ledger.uploadsInState('receiving')).map(({ id }) => id)).toEqual(['other-whole'])
})

test('chunks whose files are missing or of another size are asked for again', async () => {
  const { ledger, spool, addUpload, chunkPath } = await makePlace()
  await addUpload('up')
  await unlink(chunkPath('up', 0))
  await truncate(chunkPath('up', 1), 999)
  await writeFile(chunkPath('up', 2), Buffer.alloc(1001))

  // The files of the two that have another size are then strays.
  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({ lostChunks: 3, strayFiles: 2 })

  expect((await ledger.chunks('up')).map(({ index }) => index)).toEqual([3])
  expect(await spool.chunkIndexes(spoolUpload('up'))).toEqual([3])
  expect((await ledger.findUpload('up'))?.state).toBe('receiving')
})

test('a chunk of the right length with other bytes in it is asked for again', async () => {
  const { ledger, spool, addUpload, chunkPath } = await makePlace()
  await addUpload('up')
  await writeFile(chunkPath('up', 2), Buffer.alloc(1000))

  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({ lostChunks: 1, strayFiles: 1 })

  expect((await ledger.chunks('up')).map(({ index }) => index)).toEqual([0, 1, 3])
  expect(await spool.chunkFileSize(spoolUpload('up'), 2)).toBeNull()
})

test('with a lost chunk, the parts that Telegram has of the old bytes are forgotten', async () => {
  const { ledger, spool, addUpload, chunkPath } = await makePlace()
  await addUpload('hurt')
  await addUpload('whole')
  for (const id of ['hurt', 'whole']) {
    await ledger.saveTransfer(id, makeTransfer())
    await ledger.saveAcknowledgedParts(id, Uint8Array.of(1))
  }
  await unlink(chunkPath('hurt', 3))

  await reconcile(ledger, spool, Date.now)

  expect(await ledger.transfer('hurt')).toBeNull()
  expect(await ledger.acknowledgedParts('hurt')).toHaveLength(0)
  expect(await ledger.transfer('whole')).toEqual(makeTransfer())
})

test('a sealed upload that lost bytes fails with a sentence, and its files go', async () => {
  const { ledger, spool, addUpload, chunkPath } = await makePlace()
  await addUpload('up', { sealed: true })
  await unlink(chunkPath('up', 1))

  expect(await reconcile(ledger, spool, () => NOW)).toMatchObject({ failedUploads: 1 })

  expect(await ledger.findUpload('up')).toMatchObject({
    state: 'failed',
    reason: 'Some of its bytes were lost. Add the file again',
    finishedAt: NOW,
  })
  expect(await spool.uploadIds()).toEqual([])
})

test('a sealed upload whose folder is gone altogether fails as well', async () => {
  const { ledger, spool, addUpload } = await makePlace()
  await addUpload('up', { sealed: true })
  await spool.remove(spoolUpload('up'))

  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({
    lostChunks: CHUNKS,
    failedUploads: 1,
  })
})

test('once Telegram has made a document of the bytes, lost files are no loss', async () => {
  const { ledger, spool, addUpload } = await makePlace()
  await addUpload('up', { sealed: true })
  await ledger.saveTransfer('up', makeTransfer(DOCUMENT))
  await spool.remove(spoolUpload('up'))

  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({
    lostChunks: 0,
    failedUploads: 0,
  })

  expect((await ledger.findUpload('up'))?.state).toBe('sealed')
  expect(await ledger.transfer('up')).toMatchObject({ document: DOCUMENT })
})

test('chunks that have gone to Telegram in a volume are no loss, and what a crash left of them goes', async () => {
  const { ledger, spool, addUpload, postVolume } = await makePlace()
  await addUpload('up', { volumeBytes: 2000 })
  await postVolume('up')
  await spool.removeChunk(spoolUpload('up'), 0)

  // The worker died before it could remove the second one.
  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({ lostChunks: 0, strayFiles: 1 })

  expect((await spool.chunkIndexes(spoolUpload('up'))).toSorted()).toEqual([2, 3])
  expect(await ledger.chunks('up')).toHaveLength(CHUNKS)
})

test('with a lost chunk, the parts of its volume are forgotten, and a document that is made is not', async () => {
  const { ledger, spool, addUpload, chunkPath } = await makePlace()
  for (const id of ['hurt', 'made']) {
    await addUpload(id, { volumeBytes: 2000 })
    await ledger.saveTransfer(id, makeTransfer(), 1)
    await ledger.saveTransfer(id, makeTransfer(id === 'made' ? DOCUMENT : null), 2)
    await unlink(chunkPath(id, 3))
  }

  await reconcile(ledger, spool, Date.now)

  expect(await ledger.transfer('hurt', 1)).toEqual(makeTransfer())
  expect(await ledger.transfer('hurt', 2)).toBeNull()
  expect(await ledger.transfer('made', 2)).toEqual(makeTransfer(DOCUMENT))
})

test('files that were never acknowledged are removed', async () => {
  const { ledger, spool, addUpload, directory } = await makePlace()
  await addUpload('up')
  await claim(spool, 'up', CHUNKS, pieces(randomBytes(5), 5))
  await writeFile(join(directory, 'tmp', 'half-a-chunk'), 'x')

  expect(await reconcile(ledger, spool, Date.now)).toMatchObject({ lostChunks: 0, strayFiles: 1 })

  expect((await spool.chunkIndexes(spoolUpload('up'))).toSorted()).toEqual([0, 1, 2, 3])
  expect(await readdir(join(directory, 'tmp'))).toEqual([])
})

test('done twice it finds nothing the second time', async () => {
  const { ledger, spool, addUpload, chunkPath } = await makePlace()
  await addUpload('up')
  await addUpload('sealed', { sealed: true })
  await unlink(chunkPath('up', 0))
  await truncate(chunkPath('sealed', 0), 0)
  await reconcile(ledger, spool, Date.now)

  expect(await reconcile(ledger, spool, Date.now)).toEqual({
    lostChunks: 0,
    strayFiles: 0,
    failedUploads: 0,
    orphans: 0,
  })
})

function makeTransfer(document: StoredDocument | null = null): TransferState {
  return {
    road: 'mtproto-user',
    partsHolder: 'f00d',
    fileId: '1',
    startedAt: NOW,
    document,
    randomId: null,
    newestMessageId: null,
    postAttempts: 0,
  }
}

async function makePlace() {
  const directory = await makeTempDir()
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  const spool = await createSpool({ directory, fsync: false, log })
  onTestFinished(() => spool.close())
  onTestFinished(ledger.close)

  async function addUpload(
    id: string,
    { sealed = false, volumeBytes = null }: { sealed?: boolean; volumeBytes?: number | null } = {},
  ): Promise<void> {
    const size = CHUNKS * 1000
    const upload = makeUpload({ id, size, totalChunks: CHUNKS, volumeBytes })
    await insertUpload(ledger, upload, 'token')
    for (let index = 0; index < CHUNKS; index++) {
      const chunk = await claim(spool, id, index, pieces(randomBytes(1000), 100))
      await ledger.acceptChunk(
        id,
        { index, size: chunk.size, digest: chunk.digest },
        { chunkSize: 1000, token: null, now: NOW },
      )
    }
    if (sealed) await ledger.sealUpload(id, NOW)
  }
  /** The first two chunks are the first volume. */
  async function postVolume(id: string): Promise<void> {
    const [number, messageId, size] = [1, 41, 2000]
    const known = { documentId: '7', fileId: null, crc32: '00000000', hashState: Buffer.alloc(8) }
    const posted = { number, messageId, size, ...known }
    await ledger.postVolume(id, posted, { freedChunks: 2, now: NOW })
  }
  const chunkPath = (id: string, index: number): string =>
    join(directory, 'uploads', id, `${index}.chunk`)
  return { ledger, spool, directory, addUpload, postVolume, chunkPath }
}
