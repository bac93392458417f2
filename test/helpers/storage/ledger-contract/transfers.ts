import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { MtprotoTransferState, Upload } from '../../../../src/core/ports/records.ts'
import { makeUpload } from '../../upload.ts'
import { BOUNDLESS, insertUpload } from '../insert-upload.ts'
import { type MakeLedger, NOW, PAYLOAD, RESULT, TRANSFER } from './fixtures.ts'

/** What jobs, the outbox and logins keep. */
export function keepsTransfers(make: MakeLedger): void {
  test('a transfer is remembered field by field, and forgotten with its parts', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    expect(await ledger.transfer(id)).toBeNull()
    expect(await ledger.acknowledgedParts(id)).toEqual(new Uint8Array())

    await ledger.saveTransfer(id, TRANSFER)
    expect(await ledger.transfer(id)).toEqual(TRANSFER)
    const later: MtprotoTransferState = {
      ...TRANSFER,
      document: { id: '5', accessHash: '-6', fileReference: 'AAEC', dcId: 4 },
      randomId: '7',
      newestMessageId: 41,
      postAttempts: 2,
    }
    await ledger.saveTransfer(id, later)
    expect(await ledger.transfer(id)).toEqual(later)
    const bitmap = new Uint8Array(randomBytes(500))
    await ledger.saveAcknowledgedParts(id, bitmap)
    expect(await ledger.acknowledgedParts(id)).toEqual(bitmap)

    await ledger.deleteTransfer(id)
    expect(await ledger.transfer(id)).toBeNull()
    expect(await ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
  })

  test('a post by the Bot API that is still to be read back is remembered', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    const posted = { messageId: 7, fileId: 'file-7' }
    const shown = { ...posted, hasThumbnail: true, thumbnailId: 'thumbnail-7' }
    const common = { road: 'bot-api', startedAt: NOW, postAttempts: 1 } as const

    for (const state of [
      { ...common, posted: null },
      { ...common, posted },
      { ...common, posted: shown },
    ]) {
      await ledger.saveTransfer(id, state)

      expect(await ledger.transfer(id)).toEqual(state)
    }
  })

  test('a thumbnail is kept until its upload ends, however it does', async () => {
    const { ledger } = await make()
    const jpeg = randomBytes(5_000)
    const endings: ((id: string) => Promise<unknown>)[] = [
      (id) => ledger.completeUpload(id, { result: RESULT, webhook: null, library: null, now: NOW }),
      (id) => ledger.failUpload(id, { reason: 'x', percent: 1, retryAt: null, now: NOW }),
      (id) =>
        ledger.cancelUpload(id, { reason: 'x', percent: 1, now: NOW }, { perOwner: 9, inAll: 9 }),
      (id) => ledger.deleteUpload(id),
      (id) => ledger.expireUpload(id, makeUpload().touchedAt),
    ]
    for (const [index, end] of endings.entries()) {
      const id = `with-${index}`
      await ledger.openUpload({ ...BOUNDLESS, ...opening(makeUpload({ id })), thumbnail: jpeg })
      expect(await ledger.uploadThumbnail(id)).toEqual(new Uint8Array(jpeg))

      await end(id)

      expect(await ledger.uploadThumbnail(id)).toBeNull()
    }
  })

  test('few uploads keep a thumbnail at one time, and the others are opened without', async () => {
    const { ledger } = await make()
    const thumbnail = Uint8Array.of(1)
    for (let number = 0; number < 257; number++) {
      const upload = makeUpload({ id: `id-${number}`, size: 1 })
      const opened = await ledger.openUpload({ ...BOUNDLESS, ...opening(upload), thumbnail })
      expect(opened.kind).toBe('opened')
    }

    expect(await ledger.uploadThumbnail('id-255')).toEqual(thumbnail)
    expect(await ledger.uploadThumbnail('id-256')).toBeNull()
  })

  test('an upload that receives gets a thumbnail, and the last one counts', async () => {
    const { ledger } = await make()
    for (let number = 0; number < 257; number++) {
      const upload = makeUpload({ id: `id-${number}`, size: 1 })
      await ledger.openUpload({ ...BOUNDLESS, ...opening(upload) })
      const saved = await ledger.saveUploadThumbnail(upload.id, Uint8Array.of(1))
      expect(saved).toBe(number < 256 ? 'saved' : 'full')
    }

    expect(await ledger.saveUploadThumbnail('id-0', Uint8Array.of(2))).toBe('saved')
    await ledger.failUpload('id-1', { reason: 'x', percent: 1, retryAt: null, now: NOW })
    expect(await ledger.saveUploadThumbnail('id-1', Uint8Array.of(2))).toBe('closed')
    expect(await ledger.saveUploadThumbnail('none', Uint8Array.of(2))).toBe('closed')

    expect(await ledger.uploadThumbnail('id-0')).toEqual(Uint8Array.of(2))
    expect(await ledger.uploadThumbnail('id-1')).toBeNull()
  })

  test('a late flush brings nothing back of an upload that has ended or gone', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    await ledger.completeUpload(id, { result: RESULT, webhook: null, library: null, now: NOW })

    for (const late of [id, 'gone']) {
      await ledger.saveTransfer(late, TRANSFER)
      await ledger.saveAcknowledgedParts(late, Uint8Array.of(1))

      expect(await ledger.transfer(late)).toBeNull()
      expect(await ledger.acknowledgedParts(late)).toHaveLength(0)
    }
  })

  test('webhooks come when they are due, oldest first, and count their attempts', async () => {
    const { ledger } = await make()
    expect(await ledger.nextWebhookAt()).toBeNull()
    for (const [index, id] of ['first', 'second', 'third'].entries()) {
      await insertUpload(ledger, makeUpload({ id }), 'token')
      await ledger.completeUpload(id, {
        result: RESULT,
        webhook: { ...PAYLOAD, messageId: index },
        library: null,
        now: NOW + index,
      })
    }
    const [first, second] = await ledger.dueWebhooks(NOW + 1, 10)
    expect([first?.uploadId, second?.uploadId]).toEqual(['first', 'second'])
    expect(await ledger.dueWebhooks(NOW + 9, 1)).toHaveLength(1)
    expect(await ledger.nextWebhookAt()).toBe(NOW)
    expect(await ledger.dueWebhooks(NOW + 1, 10, NOW + 50)).toMatchObject([
      { uploadId: 'first', attempts: 0, createdAt: NOW },
      { uploadId: 'second', attempts: 0, createdAt: NOW + 1 },
    ])
    await ledger.releaseWebhook(first?.id ?? '', NOW)
    expect(await ledger.dueWebhooks(NOW, 10)).toMatchObject([{ uploadId: 'first', attempts: 0 }])

    await ledger.postponeWebhook(first?.id ?? '', NOW + 100)
    await ledger.deleteWebhook(second?.id ?? '')

    expect(await ledger.nextWebhookAt()).toBe(NOW + 2)
    expect((await ledger.dueWebhooks(NOW + 9, 10)).map(({ uploadId }) => uploadId)).toEqual([
      'third',
    ])
    expect(await ledger.dueWebhooks(NOW + 100, 10)).toMatchObject([
      { uploadId: 'first', attempts: 1, dueAt: NOW + 100, createdAt: NOW },
      { uploadId: 'third', attempts: 0 },
    ])
  })

  test('secrets are kept under names, replaced and deleted', async () => {
    const { ledger } = await make()
    const value = randomBytes(256)
    expect(await ledger.secret('bot:1')).toBeNull()

    await ledger.saveSecret('bot:1', randomBytes(256))
    await ledger.saveSecret('bot:1', value)
    await ledger.saveSecret('bot:2', randomBytes(1))
    expect(await ledger.secret('bot:1')).toEqual(value)

    await ledger.deleteSecret('bot:1')
    expect(await ledger.secret('bot:1')).toBeNull()
    expect(await ledger.secret('bot:2')).toHaveLength(1)
  })
}

const opening = (upload: Upload) => ({ upload, token: 'token', stream: null })
