import { createHash, randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { openLedger } from '../../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { insertUpload } from '../../../helpers/storage/insert-upload.ts'
import { makeUpload } from '../../../helpers/upload.ts'

const NOW = 1_762_700_001_000
const DIGEST = createHash('sha256').update('chunk').digest('hex')

test("a stream's words are kept as they were sent, and go with its upload", async () => {
  const ledger = makeLedger()
  const stream = { uploadId: 'a', metadata: 'filename Zm9v,empty', concat: null }
  await insertUpload(ledger, makeUpload({ id: 'a' }), 'token', stream)

  expect(await ledger.stream('a')).toEqual(stream)
  expect(await ledger.stream('b')).toBeNull()

  await ledger.deleteUpload('a')
  expect(await ledger.stream('a')).toBeNull()
})

test('an unfinished stream is unannounced until it is announced, and a joined one never is', async () => {
  const ledger = await ledgerWithParts()
  expect(await ledger.unannouncedStreams()).toEqual(['a', 'b'])

  await ledger.announceStream('a')
  expect(await ledger.unannouncedStreams()).toEqual(['b'])

  await ledger.joinUploads(joined(), NOW)
  expect(await ledger.unannouncedStreams()).toEqual([])
})

test('a joined upload takes the chunks of its parts, which reserve nothing any more', async () => {
  const ledger = await ledgerWithParts()

  await ledger.joinUploads(joined(), NOW + 1)

  expect((await ledger.chunks('whole')).map(({ size }) => size)).toEqual([1000, 500])
  expect(await ledger.chunks('a')).toEqual([])
  expect(await ledger.findUpload('a')).toMatchObject({ state: 'completed', result: null })
  expect(await ledger.uploadToken('a')).toBeNull()
  expect((await ledger.reservations()).reservedBytes).toBe(1500)
  expect((await ledger.uploadsOf('user-1', 10)).map(({ id }) => id)).toEqual(['whole'])
})

test('a join that cannot be written leaves the parts as they were', async () => {
  const ledger = await ledgerWithParts()
  await insertUpload(ledger, makeUpload({ id: 'whole', owner: 'user-1', size: 7 }), 'token')

  await expect(ledger.joinUploads(joined(), NOW)).rejects.toThrow('already in use')

  expect(await ledger.chunks('a')).toHaveLength(1)
  expect((await ledger.findUpload('b'))?.state).toBe('receiving')
})

async function ledgerWithParts() {
  const ledger = makeLedger()
  for (const [id, size] of [
    ['a', 1000],
    ['b', 500],
  ] as const) {
    const part = { metadata: null, concat: 'partial' }
    await insertUpload(ledger, makeUpload({ id, owner: 'user-1', size }), 'token', part)
    await ledger.acceptChunk(id, { index: 0, size, digest: DIGEST }, size, NOW)
  }
  return ledger
}

function joined() {
  const upload = makeUpload({ id: 'whole', owner: 'user-1', size: 1500, state: 'sealed' })
  return {
    upload,
    stream: { uploadId: 'whole', metadata: null, concat: 'final;/files/a /files/b' },
    chunks: [
      { index: 0, size: 1000, digest: DIGEST },
      { index: 1, size: 500, digest: DIGEST },
    ],
    partIds: ['a', 'b'],
    token: 'token',
  }
}

function makeLedger() {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  onTestFinished(async () => await ledger.close())
  return ledger
}
