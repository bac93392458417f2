import { expect, test } from 'vitest'
import type { JoinedUpload } from '../../../../src/core/ports/records.ts'
import { failure, makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { DIGEST, type MakeLedger, NOW } from './fixtures.ts'

/** What belongs to uploads that come as a stream. */
export function keepsStreams(make: MakeLedger): void {
  test("a stream's words are kept as they were sent, and go with its upload", async () => {
    const { ledger } = await make()
    const stream = { uploadId: 'a', metadata: 'filename Zm9v,empty', concat: null }
    await insertUpload(ledger, makeUpload({ id: 'a' }), 'token', stream)

    expect(await ledger.stream('a')).toEqual(stream)
    expect(await ledger.stream('b')).toBeNull()

    await ledger.deleteUpload('a')
    expect(await ledger.stream('a')).toBeNull()
  })

  test('an unfinished stream is unannounced until it is announced, and a joined one never is', async () => {
    const ledger = await ledgerWithParts(make)
    const opened = makeUpload().createdAt
    expect(await ledger.unannouncedStreams(opened)).toEqual([])
    expect(await ledger.unannouncedStreams(opened + 1)).toEqual(['a', 'b'])

    await ledger.announceStream('a')
    expect(await ledger.unannouncedStreams(opened + 1)).toEqual(['b'])

    await ledger.joinUploads(joined(), NOW)
    expect(await ledger.unannouncedStreams(opened + 1)).toEqual([])
  })

  test('a joined upload takes the chunks of its parts, which reserve nothing any more', async () => {
    const ledger = await ledgerWithParts(make)

    expect(await ledger.joinUploads(joined(), NOW + 1)).toEqual({ kind: 'joined' })

    expect((await ledger.chunks('whole')).map(({ size }) => size)).toEqual([1000, 500])
    expect(await ledger.chunks('a')).toEqual([])
    expect(await ledger.findUpload('a')).toMatchObject({ state: 'completed', result: null })
    expect(await ledger.uploadToken('a')).toBeNull()
    expect((await ledger.reservations()).reservedBytes).toBe(1500)
    expect((await ledger.uploadsOf('user-1', 10)).map(({ upload }) => upload.id)).toEqual(['whole'])
  })

  test('a join under an id that is taken changes nothing', async () => {
    const ledger = await ledgerWithParts(make)
    const taken = makeUpload({ id: 'whole', owner: 'user-1', size: 7 })
    await insertUpload(ledger, taken, 'token')

    expect(await ledger.joinUploads(joined(), NOW)).toEqual({ kind: 'known', upload: taken })

    expect(await ledger.chunks('a')).toHaveLength(1)
    expect((await ledger.findUpload('b'))?.state).toBe('receiving')
  })

  test('a join of which a part does not receive any more changes nothing', async () => {
    const ledger = await ledgerWithParts(make)
    await ledger.failUpload('b', failure('No', NOW))
    const failed = await ledger.findUpload('b')

    expect(await ledger.joinUploads(joined(), NOW)).toEqual({ kind: 'part-closed', part: failed })
    await ledger.deleteUpload('b')
    expect(await ledger.joinUploads(joined(), NOW)).toEqual({ kind: 'part-closed', part: null })

    expect(await ledger.findUpload('whole')).toBeNull()
    expect(await ledger.chunks('a')).toHaveLength(1)
    expect((await ledger.findUpload('a'))?.state).toBe('receiving')
  })
}

async function ledgerWithParts(make: MakeLedger) {
  const { ledger } = await make()
  for (const [id, size] of [
    ['a', 1000],
    ['b', 500],
  ] as const) {
    const part = { metadata: null, concat: 'partial' }
    await insertUpload(ledger, makeUpload({ id, owner: 'user-1', size }), 'token', part)
    await ledger.acceptChunk(
      id,
      { index: 0, size, digest: DIGEST },
      { chunkSize: size, token: null, now: NOW },
    )
  }
  return ledger
}

function joined(): JoinedUpload {
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
