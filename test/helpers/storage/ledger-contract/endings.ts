import { describe, expect, test } from 'vitest'
import { documentFileId } from '../../../../src/core/model/file-id.ts'
import { failure, makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { DIGEST, type MakeLedger, NOW, PAYLOAD, RESULT, TRANSFER } from './fixtures.ts'
import { makeFile } from './library.ts'

const DOCUMENT = { id: '5188811335468290304', accessHash: '-6', fileReference: 'AAEC', dcId: 4 }

/** How uploads end. */
export function endsUploads(make: MakeLedger): void {
  test('completing keeps the result and the webhook, and erases token and transfer', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    await ledger.acceptChunk(
      id,
      { index: 0, size: 1000, digest: DIGEST },
      { chunkSize: 1000, token: null, now: NOW },
    )
    await ledger.saveTransfer(id, TRANSFER)
    await ledger.saveAcknowledgedParts(id, Uint8Array.of(0xff))

    await ledger.completeUpload(id, { result: RESULT, webhook: PAYLOAD, library: null, now: NOW })

    expect(await ledger.findUpload(id)).toMatchObject({
      state: 'completed',
      result: RESULT,
      finishedAt: NOW,
      reason: null,
    })
    expect(await ledger.uploadToken(id)).toBeNull()
    expect(await ledger.transfer(id)).toBeNull()
    expect(await ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
    expect(await ledger.chunks(id)).toHaveLength(1)
    expect(await ledger.dueWebhooks(NOW, 10)).toMatchObject([{ uploadId: id, payload: PAYLOAD }])
  })

  test('the receipt of a document outlives its upload, and is for its size alone', async () => {
    const { ledger } = await make()
    const { id, size } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    const fileId = documentFileId(DOCUMENT)

    await ledger.completeUpload(id, {
      result: { ...RESULT, fileId },
      webhook: null,
      library: null,
      now: NOW,
    })
    await ledger.deleteUpload(id)

    expect(await ledger.receiptOf(DOCUMENT.id, size)).toEqual(RESULT.digests)
    expect(await ledger.receiptOf(DOCUMENT.id, size + 1)).toBeNull()
    expect(await ledger.receiptOf('7', size)).toBeNull()
  })

  test('the first receipt of a document counts', async () => {
    const { ledger } = await make()
    const fileId = documentFileId(DOCUMENT)
    const { size } = makeUpload()
    const other = { sha256: 'f00d'.repeat(16), crc32: '12345678' }
    for (const [id, digests] of Object.entries({ first: RESULT.digests, second: other })) {
      await insertUpload(ledger, makeUpload({ id }), 'token')
      const result = { messageId: 42, fileId, digests }
      await ledger.completeUpload(id, { result, webhook: null, library: null, now: NOW })
    }

    expect(await ledger.receiptOf(DOCUMENT.id, size)).toEqual(RESULT.digests)
  })

  test('a caption that claims other digests than the receipt changes none in the library', async () => {
    const { ledger } = await make()
    const { id, size } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    const result = { ...RESULT, fileId: documentFileId(DOCUMENT) }
    await ledger.completeUpload(id, { result, webhook: null, library: null, now: NOW })

    const key = { owner: 'ann', channelId: '-1001' }
    const forged = { sha256: 'f00d'.repeat(16), crc32: '12345678' }
    const copy = makeFile(43, { ...forged, documentId: DOCUMENT.id, size })
    const other = makeFile(44, { ...forged, documentId: '7', size })
    await ledger.applyToLibrary(key, { files: [copy, other] })

    const measured = { ...RESULT.digests, isMeasured: true }
    expect(await ledger.libraryFile(key, 43)).toMatchObject(measured)
    expect(await ledger.libraryFile(key, 44)).toMatchObject({ ...forged, isMeasured: false })
  })

  test('an upload ends once: a second end changes nothing and owes no second webhook', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    await ledger.completeUpload(id, { result: RESULT, webhook: PAYLOAD, library: null, now: NOW })

    await ledger.completeUpload(id, {
      result: { ...RESULT, messageId: 43 },
      webhook: PAYLOAD,
      library: null,
      now: NOW + 1,
    })
    await ledger.failUpload(id, failure('No', NOW + 2))

    expect(await ledger.findUpload(id)).toMatchObject({ state: 'completed', result: RESULT })
    expect(await ledger.dueWebhooks(NOW + 9, 10)).toHaveLength(1)
  })

  test('failing keeps the reason and erases token, transfer and chunks', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    await ledger.acceptChunk(
      id,
      { index: 0, size: 1000, digest: DIGEST },
      { chunkSize: 1000, token: null, now: NOW },
    )
    await ledger.saveTransfer(id, TRANSFER)
    await ledger.saveAcknowledgedParts(id, Uint8Array.of(0xff))

    await ledger.failUpload(id, failure('Connect Telegram in settings', NOW))

    expect(await ledger.findUpload(id)).toMatchObject({
      state: 'failed',
      reason: 'Connect Telegram in settings',
      finishedAt: NOW,
      result: null,
    })
    expect(await ledger.uploadToken(id)).toBeNull()
    expect(await ledger.transfer(id)).toBeNull()
    expect(await ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
    expect(await ledger.chunks(id)).toEqual([])
  })

  describe('a cancelled upload', () => {
    const CANCELLED = { reason: 'it was cancelled', percent: 42, now: NOW }
    const KEEP = { perOwner: 10, inAll: 10 }

    test('keeps its row and nothing else', async () => {
      const { ledger } = await make()
      const { id } = makeUpload()
      const words = { metadata: 'words', concat: 'partial' }
      await insertUpload(ledger, makeUpload(), 'token', words)
      await ledger.acceptChunk(
        id,
        { index: 0, size: 1000, digest: 'ab'.repeat(32) },
        { chunkSize: 1000, token: null, now: NOW },
      )
      await ledger.saveAcknowledgedParts(id, new Uint8Array([1]))

      await ledger.cancelUpload(id, CANCELLED, KEEP)

      expect(await ledger.findUpload(id)).toMatchObject({
        state: 'cancelled',
        reason: 'it was cancelled',
        lastPercent: 42,
        finishedAt: NOW,
      })
      expect(await ledger.uploadToken(id)).toBeNull()
      expect(await ledger.chunks(id)).toEqual([])
      expect(await ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
      expect(await ledger.stream(id)).toMatchObject({ metadata: null, concat: 'partial' })
      expect((await ledger.reservations()).reservedBytes).toBe(0)
      expect(await ledger.finishedBefore(NOW)).toEqual([id])
      expect(await ledger.forgetUpload(id, NOW - 1)).toBe(false)
      expect(await ledger.forgetUpload('never-there', NOW)).toBe(false)
      expect(await ledger.forgetUpload(id, NOW)).toBe(true)
      expect(await ledger.findUpload(id)).toBeNull()
      await insertUpload(ledger, makeUpload({ id }), 'token')
      expect(await ledger.forgetUpload(id, NOW)).toBe(false)
    })

    test('cannot be completed, sealed or failed, and a completed one cannot be cancelled', async () => {
      const { ledger } = await make()
      for (const id of ['cancelled', 'completed'])
        await insertUpload(ledger, makeUpload({ id }), 'token')
      await ledger.cancelUpload('cancelled', CANCELLED, KEEP)
      await ledger.completeUpload('completed', {
        result: RESULT,
        webhook: null,
        library: null,
        now: NOW,
      })

      await ledger.sealUpload('cancelled', NOW)
      await ledger.completeUpload('cancelled', {
        result: RESULT,
        webhook: null,
        library: null,
        now: NOW,
      })
      await ledger.failUpload('cancelled', failure('No', NOW))
      await ledger.cancelUpload('completed', CANCELLED, KEEP)

      expect((await ledger.findUpload('cancelled'))?.state).toBe('cancelled')
      expect((await ledger.findUpload('completed'))?.state).toBe('completed')
    })

    test('is forgotten when its owner has cancelled too many since, the oldest first', async () => {
      const { ledger } = await make()
      for (const [at, id] of ['a', 'b', 'c', 'd'].entries()) {
        await insertUpload(ledger, makeUpload({ id }), 'token')
        await ledger.cancelUpload(id, { ...CANCELLED, now: NOW + at }, { perOwner: 2, inAll: 10 })
      }

      expect((await ledger.uploadsOf('user-1', 10)).map(({ upload }) => upload.id)).toEqual([
        'd',
        'c',
      ])
    })

    test('makes room in all among those of the owner who has most', async () => {
      const { ledger } = await make()
      const cancel = async (id: string, owner: string): Promise<void> => {
        await insertUpload(ledger, makeUpload({ id, owner }), 'token')
        await ledger.cancelUpload(id, CANCELLED, { perOwner: 10, inAll: 3 })
      }

      await cancel('first', 'ann')
      for (const id of ['a', 'b', 'c', 'd', 'e']) await cancel(id, 'bob')

      expect((await ledger.uploadsOf('ann', 10)).map(({ upload }) => upload.id)).toEqual(['first'])
      expect((await ledger.uploadsOf('bob', 10)).map(({ upload }) => upload.id)).toEqual(['e', 'd'])
    })
  })
}
