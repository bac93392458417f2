import { expect, test } from 'vitest'
import { failure, makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { DIGEST, type MakeLedger, NOW, PAYLOAD, RESULT, TRANSFER } from './fixtures.ts'

/** The rows of uploads and of their chunks. */
export function keepsUploads(make: MakeLedger): void {
  test('an upload is found as it was inserted, and only by its id', async () => {
    const { ledger } = await make()
    const upload = makeUpload({ size: 2 ** 40, modifiedAt: 253_402_300_799_999 })

    await insertUpload(ledger, upload, 'token')

    expect(await ledger.findUpload(upload.id)).toEqual(upload)
    expect(await ledger.findUpload('another')).toBeNull()
  })

  test('an upload that came to an end elsewhere is kept whole too', async () => {
    const { ledger } = await make()
    const upload = makeUpload({
      state: 'completed',
      chunkSize: 1000,
      sealedAt: NOW,
      finishedAt: NOW + 1,
      result: RESULT,
    })

    await insertUpload(ledger, upload, 'token')

    expect(await ledger.findUpload(upload.id)).toEqual(upload)
  })

  test('an id that is taken is refused, and what was there stays', async () => {
    const { ledger } = await make()
    await insertUpload(ledger, makeUpload(), 'first')

    await expect(insertUpload(ledger, makeUpload({ owner: 'thief' }), 'second')).rejects.toThrow(
      'known',
    )

    expect((await ledger.findUpload(makeUpload().id))?.owner).toBe('user-1')
    expect(await ledger.uploadToken(makeUpload().id)).toBe('first')
  })

  test("an owner's uploads come newest first, as many as asked for", async () => {
    const { ledger } = await make()
    for (const [id, createdAt] of [
      ['b', 2],
      ['d', 4],
      ['a', 1],
      ['c', 3],
    ] as const) {
      await insertUpload(ledger, makeUpload({ id, createdAt }), 'token')
    }
    await insertUpload(ledger, makeUpload({ id: 'x', owner: 'user-2', createdAt: 9 }), 'token')

    expect((await ledger.uploadsOf('user-1', 3)).map(({ upload }) => upload.id)).toEqual([
      'd',
      'c',
      'b',
    ])
    expect(await ledger.uploadsOf('nobody', 3)).toEqual([])
  })

  test("an owner's unfinished uploads come before newer ones that ended", async () => {
    const { ledger } = await make()
    for (const [createdAt, id] of ['open', 'sealed', 'done', 'failed', 'cancelled'].entries()) {
      await insertUpload(ledger, makeUpload({ id, createdAt }), 'token')
    }
    await ledger.sealUpload('sealed', NOW)
    await ledger.completeUpload('done', { result: RESULT, webhook: null, library: null, now: NOW })
    await ledger.failUpload('failed', failure('No', NOW))
    const cancelled = { reason: 'it was cancelled', percent: 0, now: NOW }
    await ledger.cancelUpload('cancelled', cancelled, { perOwner: 10, inAll: 10 })

    const ids = (await ledger.uploadsOf('user-1', 4)).map(({ upload }) => upload.id)

    expect(ids).toEqual(['sealed', 'open', 'cancelled', 'failed'])
  })

  test('unfinished uploads are listed by state', async () => {
    const { ledger } = await make()
    for (const id of ['receiving', 'sealed', 'completed', 'failed']) {
      await insertUpload(ledger, makeUpload({ id, totalChunks: 0 }), 'token')
    }
    await ledger.sealUpload('sealed', NOW)
    await ledger.completeUpload('completed', {
      result: RESULT,
      webhook: null,
      library: null,
      now: NOW,
    })
    await ledger.failUpload('failed', failure('No', NOW))

    for (const state of ['receiving', 'sealed'] as const) {
      expect((await ledger.uploadsInState(state)).map(({ id }) => id)).toEqual([state])
    }
  })

  test('the newest token of an unfinished upload is kept, none of a finished one', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'älter 🎉')
    expect(await ledger.uploadToken(id)).toBe('älter 🎉')

    await ledger.saveUploadToken(id, 'newer')
    expect(await ledger.uploadToken(id)).toBe('newer')

    await ledger.failUpload(id, failure('No', NOW))
    await ledger.saveUploadToken(id, 'too late')
    expect(await ledger.uploadToken(id)).toBeNull()
    expect(await ledger.uploadToken('unknown')).toBeNull()
  })

  test('the newest token comes with a chunk, while its upload receives', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'old')
    const accept = (index: number, token: string | null) =>
      ledger.acceptChunk(
        id,
        { index, size: 1000, digest: DIGEST },
        { chunkSize: 1000, token, now: NOW },
      )

    await accept(0, null)
    expect(await ledger.uploadToken(id)).toBe('old')
    await accept(1, 'newer')
    expect(await ledger.uploadToken(id)).toBe('newer')
    await ledger.sealUpload(id, NOW)
    await accept(2, 'too late')
    expect(await ledger.uploadToken(id)).toBe('newer')
  })

  test('a chunk that was stored for an earlier upload of its id is none of the new one', async () => {
    const { ledger } = await make()
    const chunk = { index: 0, size: 1000, digest: DIGEST }
    const accept = (captionId: string) =>
      ledger.acceptChunk(id, chunk, { captionId, chunkSize: 1000, token: null, now: NOW })
    const { id } = makeUpload()
    const [earlier, latest] = ['a'.repeat(32), 'b'.repeat(32)]
    await insertUpload(ledger, makeUpload({ captionId: earlier }), 'token')
    await ledger.deleteUpload(id)
    await insertUpload(ledger, makeUpload({ captionId: latest }), 'token')

    expect(await accept(earlier)).toEqual({ kind: 'gone' })
    expect(await ledger.chunks(id)).toEqual([])
    expect(await accept(latest)).toEqual({ kind: 'accepted', count: 1 })
    expect(await accept(earlier)).toEqual({ kind: 'gone' })
  })

  test('a chunk that was lost is asked for again while its upload receives', async () => {
    const { ledger } = await make()
    const upload = makeUpload({ totalChunks: 1, size: 1000 })
    const { id } = upload
    const change = { chunkSize: 1000, token: null, now: NOW }
    await insertUpload(ledger, upload, 'token')
    await ledger.acceptChunk(id, { index: 0, size: 1000, digest: DIGEST }, change)

    const another = { id, captionId: 'f'.repeat(32) }
    expect(await ledger.loseChunk(another, 0)).toBe(false)
    expect(await ledger.findChunk(id, 0)).toMatchObject({ count: 1 })
    expect(await ledger.loseChunk(upload, 0)).toBe(true)
    expect(await ledger.loseChunk(upload, 0)).toBe(true)
    expect(await ledger.findChunk(id, 0)).toMatchObject({ chunk: null, count: 0 })
    expect(await ledger.sealUpload(id, NOW)).toEqual({ kind: 'incomplete', present: [] })

    await ledger.acceptChunk(id, { index: 0, size: 1000, digest: 'ef'.repeat(32) }, change)
    expect(await ledger.sealUpload(id, NOW)).toMatchObject({ kind: 'sealed' })
    expect(await ledger.loseChunk(upload, 0)).toBe(false)
    expect(await ledger.chunks(id)).toHaveLength(1)
  })

  test('one look finds an upload, one of its chunks, and how many there are', async () => {
    const { ledger } = await make()
    const chunk = { index: 3, size: 1000, digest: DIGEST }
    await insertUpload(ledger, makeUpload({ id: 'in chunks' }), 'token')
    await insertUpload(ledger, makeUpload({ id: 'a stream' }), 'token', {
      metadata: null,
      concat: null,
    })
    for (const index of [3, 0]) {
      const change = { chunkSize: 1000, token: null, now: NOW }
      await ledger.acceptChunk('in chunks', { ...chunk, index }, change)
    }

    const upload = await ledger.findUpload('in chunks')
    expect(await ledger.findChunk('in chunks', 3)).toEqual({
      upload,
      isStream: false,
      chunk,
      count: 2,
    })
    expect(await ledger.findChunk('in chunks', 1)).toEqual({
      upload,
      isStream: false,
      chunk: null,
      count: 2,
    })
    expect(await ledger.findChunk('a stream', 3)).toEqual({
      upload: await ledger.findUpload('a stream'),
      isStream: true,
      chunk: null,
      count: 0,
    })
    expect(await ledger.findChunk('never-there', 0)).toBeNull()
  })

  test('a chunk is written with the chunk size and the time', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')

    await ledger.acceptChunk(
      id,
      { index: 1, size: 1000, digest: DIGEST },
      { chunkSize: null, token: null, now: NOW },
    )
    expect(await ledger.findUpload(id)).toMatchObject({ chunkSize: null, touchedAt: NOW })

    await ledger.acceptChunk(
      id,
      { index: 0, size: 1000, digest: DIGEST },
      { chunkSize: 1000, token: null, now: NOW + 1 },
    )
    await ledger.acceptChunk(
      id,
      { index: 10, size: 1000, digest: DIGEST },
      { chunkSize: null, token: null, now: NOW + 2 },
    )
    expect(await ledger.findUpload(id)).toMatchObject({ chunkSize: 1000, touchedAt: NOW + 2 })
    expect(await ledger.chunks(id)).toEqual([
      { index: 0, size: 1000, digest: DIGEST },
      { index: 1, size: 1000, digest: DIGEST },
      { index: 10, size: 1000, digest: DIGEST },
    ])
  })

  test('the same chunk written twice is one chunk', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')

    await ledger.acceptChunk(
      id,
      { index: 0, size: 1000, digest: DIGEST },
      { chunkSize: 1000, token: null, now: NOW },
    )
    await ledger.acceptChunk(
      id,
      { index: 0, size: 1000, digest: DIGEST },
      { chunkSize: 1000, token: null, now: NOW },
    )

    expect(await ledger.chunks(id)).toHaveLength(1)
  })

  test('a chunk of an upload that is gone is refused whole', async () => {
    const { ledger } = await make()

    const chunk = { index: 0, size: 1, digest: DIGEST }

    expect(
      await ledger.acceptChunk('gone', chunk, { chunkSize: 1, token: null, now: NOW }),
    ).toEqual({ kind: 'gone' })
    expect(await ledger.chunks('gone')).toEqual([])
  })

  test('touching and sealing note the time; what has ended cannot be sealed', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload({ totalChunks: 0 }), 'token')

    await ledger.touchUpload(id, NOW)
    expect((await ledger.findUpload(id))?.touchedAt).toBe(NOW)
    await ledger.sealUpload(id, NOW + 1)
    await ledger.sealUpload(id, NOW + 2)
    expect(await ledger.findUpload(id)).toMatchObject({ state: 'sealed', sealedAt: NOW + 1 })

    await ledger.failUpload(id, failure('No', NOW + 3))
    await ledger.sealUpload(id, NOW + 4)
    expect((await ledger.findUpload(id))?.state).toBe('failed')
  })

  test('deleting takes all that belongs to the upload, but not what is owed to the backend', async () => {
    const { ledger } = await make()
    await insertUpload(ledger, makeUpload({ id: 'open' }), 'token')
    await ledger.acceptChunk(
      'open',
      { index: 0, size: 1000, digest: DIGEST },
      { chunkSize: 1000, token: null, now: NOW },
    )
    await ledger.saveTransfer('open', TRANSFER)
    await ledger.saveAcknowledgedParts('open', Uint8Array.of(1))
    await insertUpload(ledger, makeUpload({ id: 'done' }), 'token')
    await ledger.completeUpload('done', {
      result: RESULT,
      webhook: PAYLOAD,
      library: null,
      now: NOW,
    })

    for (const id of ['open', 'done', 'never-there']) await ledger.deleteUpload(id)

    expect(await ledger.findUpload('open')).toBeNull()
    expect(await ledger.chunks('open')).toEqual([])
    expect(await ledger.transfer('open')).toBeNull()
    expect(await ledger.acknowledgedParts('open')).toHaveLength(0)
    expect(await ledger.dueWebhooks(NOW, 10)).toHaveLength(1)
  })

  test('unfinished uploads reserve their size, finished ones give it back', async () => {
    const { ledger } = await make()
    expect((await ledger.reservations()).reservedBytes).toBe(0)
    const sizes = { receiving: 2_097_152_000, sealed: 300, completed: 50, failed: 7 }
    for (const [id, size] of Object.entries(sizes)) {
      await insertUpload(ledger, makeUpload({ id, size }), 'token')
    }

    await ledger.sealUpload('sealed', NOW)
    await ledger.completeUpload('completed', {
      result: RESULT,
      webhook: null,
      library: null,
      now: NOW,
    })
    await ledger.failUpload('failed', failure('No', NOW))

    expect((await ledger.reservations()).reservedBytes).toBe(2_097_152_300)
  })

  test('text that could be SQL is text', async () => {
    const { ledger } = await make()
    const id = `'; DROP TABLE uploads; --`

    await insertUpload(ledger, makeUpload({ id, fileName: id, owner: id }), id)

    expect(await ledger.findUpload(id)).toMatchObject({ id, fileName: id, owner: id })
    expect(await ledger.uploadToken(id)).toBe(id)
  })
}
