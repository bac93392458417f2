import { createHash, randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { openLedger } from '../../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { makeUpload } from '../../../helpers/upload.ts'

const NOW = 1_762_700_001_000
const DIGEST = createHash('sha256').update('chunk').digest('hex')

test("a stream's words are kept as they were sent, and go with its upload", () => {
  const ledger = makeLedger()
  const stream = { uploadId: 'a', metadata: 'filename Zm9v,empty', concat: null }
  ledger.insertUpload(makeUpload({ id: 'a' }), 'token')

  ledger.insertStream(stream)
  expect(ledger.stream('a')).toEqual(stream)
  expect(ledger.stream('b')).toBeNull()

  ledger.deleteUpload('a')
  expect(ledger.stream('a')).toBeNull()
})

test('an unfinished stream is untold until it is marked, a joined one never', () => {
  const ledger = ledgerWithParts()
  expect(ledger.untoldStreams()).toEqual(['a', 'b'])

  ledger.markStreamTold('a')
  expect(ledger.untoldStreams()).toEqual(['b'])

  ledger.joinUploads(joined(), NOW)
  expect(ledger.untoldStreams()).toEqual([])
})

test('a joined upload takes the chunks of its parts, which reserve nothing any more', () => {
  const ledger = ledgerWithParts()

  ledger.joinUploads(joined(), NOW + 1)

  expect(ledger.chunks('whole').map(({ size }) => size)).toEqual([1000, 500])
  expect(ledger.chunks('a')).toEqual([])
  expect(ledger.findUpload('a')).toMatchObject({ state: 'completed', result: null })
  expect(ledger.uploadToken('a')).toBeNull()
  expect(ledger.reservedBytes()).toBe(1500)
  expect(ledger.uploadsOf('user-1', 10).map(({ id }) => id)).toEqual(['whole'])
})

test('a join that cannot be written leaves the parts as they were', () => {
  const ledger = ledgerWithParts()
  ledger.insertUpload(makeUpload({ id: 'whole', owner: 'user-1', size: 7 }), 'token')

  expect(() => ledger.joinUploads(joined(), NOW)).toThrow('already in use')

  expect(ledger.chunks('a')).toHaveLength(1)
  expect(ledger.findUpload('b')?.state).toBe('receiving')
})

function ledgerWithParts() {
  const ledger = makeLedger()
  for (const [id, size] of [
    ['a', 1000],
    ['b', 500],
  ] as const) {
    ledger.insertUpload(makeUpload({ id, owner: 'user-1', size }), 'token')
    ledger.insertStream({ uploadId: id, metadata: null, concat: 'partial' })
    ledger.insertChunk(id, { index: 0, size, digest: DIGEST }, size, NOW)
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
  onTestFinished(() => ledger.close())
  return ledger
}
