import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TransferState, WebhookPayload } from '../../../src/core/ports/records.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { failure, makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_001_000
const RESULT = { messageId: 42, fileId: 'BQACAgQAAx' }
const DIGEST = createHash('sha256').update('chunk').digest('hex')

const TRANSFER: TransferState = {
  road: 'mtproto-user',
  partsHolder: 'f00d',
  fileId: '-9223372036854775808',
  startedAt: NOW,
  document: null,
  randomId: null,
  newestMessageId: null,
  postAttempts: 0,
}

const PAYLOAD: WebhookPayload = {
  userId: 'user-1',
  fileName: 'film.mkv',
  messageId: 42,
  fileId: 'BQACAgQAAx',
  size: 2_097_152_000,
  mimeType: 'video/x-matroska',
}

test('an upload is found as it was inserted, and only by its id', () => {
  const ledger = makeLedger()
  const upload = makeUpload({ size: 2 ** 40 })

  ledger.insertUpload(upload, 'token')

  expect(ledger.findUpload(upload.id)).toEqual(upload)
  expect(ledger.findUpload('another')).toBeNull()
})

test('an upload that came to an end elsewhere is kept whole too', () => {
  const ledger = makeLedger()
  const upload = makeUpload({
    state: 'completed',
    chunkSize: 1000,
    sealedAt: NOW,
    finishedAt: NOW + 1,
    result: RESULT,
  })

  ledger.insertUpload(upload, 'token')

  expect(ledger.findUpload(upload.id)).toEqual(upload)
})

test('an id that is taken is refused, and what was there stays', () => {
  const ledger = makeLedger()
  ledger.insertUpload(makeUpload(), 'first')

  expect(() => ledger.insertUpload(makeUpload({ owner: 'thief' }), 'second')).toThrow(
    expect.objectContaining({ code: 'UPLOAD_DIFFERS' }),
  )

  expect(ledger.findUpload(makeUpload().id)?.owner).toBe('user-1')
  expect(ledger.uploadToken(makeUpload().id)).toBe('first')
})

test("an owner's uploads come newest first, as many as asked for", () => {
  const ledger = makeLedger()
  for (const [id, createdAt] of [
    ['b', 2],
    ['d', 4],
    ['a', 1],
    ['c', 3],
  ] as const) {
    ledger.insertUpload(makeUpload({ id, createdAt }), 'token')
  }
  ledger.insertUpload(makeUpload({ id: 'x', owner: 'user-2', createdAt: 9 }), 'token')

  expect(ledger.uploadsOf('user-1', 3).map(({ id }) => id)).toEqual(['d', 'c', 'b'])
  expect(ledger.uploadsOf('nobody', 3)).toEqual([])
})

test("an owner's unfinished uploads come before newer ones that ended", () => {
  const ledger = makeLedger()
  for (const [createdAt, id] of ['open', 'sealed', 'done', 'failed', 'cancelled'].entries()) {
    ledger.insertUpload(makeUpload({ id, createdAt }), 'token')
  }
  ledger.sealUpload('sealed', NOW)
  ledger.completeUpload('done', RESULT, null, NOW)
  ledger.failUpload('failed', failure('No', NOW))
  const cancelled = { reason: 'it was cancelled', percent: 0, now: NOW }
  ledger.cancelUpload('cancelled', cancelled, { perOwner: 10, inAll: 10 })

  const ids = ledger.uploadsOf('user-1', 4).map(({ id }) => id)

  expect(ids).toEqual(['sealed', 'open', 'cancelled', 'failed'])
})

test('unfinished uploads are listed by state', () => {
  const ledger = makeLedger()
  for (const id of ['receiving', 'sealed', 'completed', 'failed']) {
    ledger.insertUpload(makeUpload({ id }), 'token')
  }
  ledger.sealUpload('sealed', NOW)
  ledger.completeUpload('completed', RESULT, null, NOW)
  ledger.failUpload('failed', failure('No', NOW))

  for (const state of ['receiving', 'sealed'] as const) {
    expect(ledger.uploadsInState(state).map(({ id }) => id)).toEqual([state])
  }
})

describe('a cancelled upload', () => {
  const CANCELLED = { reason: 'it was cancelled', percent: 42, now: NOW }
  const KEEP = { perOwner: 10, inAll: 10 }

  test('keeps its row and nothing else', () => {
    const ledger = makeLedger()
    const { id } = makeUpload()
    ledger.insertUpload(makeUpload(), 'token')
    ledger.insertStream({ uploadId: id, metadata: 'words', concat: 'partial' })
    ledger.insertChunk(id, { index: 0, size: 1000, digest: 'ab'.repeat(32) }, 1000, NOW)
    ledger.saveAcknowledgedParts(id, new Uint8Array([1]))

    ledger.cancelUpload(id, CANCELLED, KEEP)

    expect(ledger.findUpload(id)).toMatchObject({
      state: 'cancelled',
      reason: 'it was cancelled',
      lastPercent: 42,
      finishedAt: NOW,
    })
    expect(ledger.uploadToken(id)).toBeNull()
    expect(ledger.chunks(id)).toEqual([])
    expect(ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
    expect(ledger.stream(id)).toMatchObject({ metadata: null, concat: 'partial' })
    expect(ledger.reservedBytes()).toBe(0)
    expect(ledger.finishedBefore(NOW)).toEqual([id])
  })

  test('cannot be completed, sealed or failed, and a completed one cannot be cancelled', () => {
    const ledger = makeLedger()
    for (const id of ['cancelled', 'completed']) ledger.insertUpload(makeUpload({ id }), 'token')
    ledger.cancelUpload('cancelled', CANCELLED, KEEP)
    ledger.completeUpload('completed', RESULT, null, NOW)

    ledger.sealUpload('cancelled', NOW)
    ledger.completeUpload('cancelled', RESULT, null, NOW)
    ledger.failUpload('cancelled', failure('No', NOW))
    ledger.cancelUpload('completed', CANCELLED, KEEP)

    expect(ledger.findUpload('cancelled')?.state).toBe('cancelled')
    expect(ledger.findUpload('completed')?.state).toBe('completed')
  })

  test('is forgotten when its owner has cancelled too many since, the oldest first', () => {
    const ledger = makeLedger()
    for (const [at, id] of ['a', 'b', 'c', 'd'].entries()) {
      ledger.insertUpload(makeUpload({ id }), 'token')
      ledger.cancelUpload(id, { ...CANCELLED, now: NOW + at }, { perOwner: 2, inAll: 10 })
    }

    expect(ledger.uploadsOf('user-1', 10).map(({ id }) => id)).toEqual(['d', 'c'])
  })

  test('makes room in all among those of the owner who has most', () => {
    const ledger = makeLedger()
    const cancel = (id: string, owner: string): void => {
      ledger.insertUpload(makeUpload({ id, owner }), 'token')
      ledger.cancelUpload(id, CANCELLED, { perOwner: 10, inAll: 3 })
    }

    cancel('first', 'ann')
    for (const id of ['a', 'b', 'c', 'd', 'e']) cancel(id, 'bob')

    expect(ledger.uploadsOf('ann', 10).map(({ id }) => id)).toEqual(['first'])
    expect(ledger.uploadsOf('bob', 10).map(({ id }) => id)).toEqual(['e', 'd'])
  })
})

test('the newest token of an unfinished upload is kept, none of a finished one', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'älter 🎉')
  expect(ledger.uploadToken(id)).toBe('älter 🎉')

  ledger.saveUploadToken(id, 'newer')
  expect(ledger.uploadToken(id)).toBe('newer')

  ledger.failUpload(id, failure('No', NOW))
  ledger.saveUploadToken(id, 'too late')
  expect(ledger.uploadToken(id)).toBeNull()
  expect(ledger.uploadToken('unknown')).toBeNull()
})

test('a chunk is written with the chunk size and the time', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')

  ledger.insertChunk(id, { index: 1, size: 1000, digest: DIGEST }, null, NOW)
  expect(ledger.findUpload(id)).toMatchObject({ chunkSize: null, touchedAt: NOW })

  ledger.insertChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW + 1)
  ledger.insertChunk(id, { index: 10, size: 1000, digest: DIGEST }, null, NOW + 2)
  expect(ledger.findUpload(id)).toMatchObject({ chunkSize: 1000, touchedAt: NOW + 2 })
  expect(ledger.chunks(id)).toEqual([
    { index: 0, size: 1000, digest: DIGEST },
    { index: 1, size: 1000, digest: DIGEST },
    { index: 10, size: 1000, digest: DIGEST },
  ])
})

test('the same chunk written twice is one chunk', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')

  ledger.insertChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  ledger.insertChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)

  expect(ledger.chunks(id)).toHaveLength(1)
})

test('a chunk of an upload that is gone is refused whole', () => {
  const ledger = makeLedger()

  const insert = () => ledger.insertChunk('gone', { index: 0, size: 1, digest: DIGEST }, 1, NOW)

  expect(insert).toThrow('FOREIGN KEY')
  expect(ledger.chunks('gone')).toEqual([])
})

test('touching and sealing note the time; what has ended cannot be sealed', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')

  ledger.touchUpload(id, NOW)
  expect(ledger.findUpload(id)?.touchedAt).toBe(NOW)
  ledger.sealUpload(id, NOW + 1)
  ledger.sealUpload(id, NOW + 2)
  expect(ledger.findUpload(id)).toMatchObject({ state: 'sealed', sealedAt: NOW + 1 })

  ledger.failUpload(id, failure('No', NOW + 3))
  ledger.sealUpload(id, NOW + 4)
  expect(ledger.findUpload(id)?.state).toBe('failed')
})

test('completing keeps the result and the webhook, and erases token and transfer', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')
  ledger.insertChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  ledger.saveTransfer(id, TRANSFER)
  ledger.saveAcknowledgedParts(id, Uint8Array.of(0xff))

  ledger.completeUpload(id, RESULT, PAYLOAD, NOW)

  expect(ledger.findUpload(id)).toMatchObject({
    state: 'completed',
    result: RESULT,
    finishedAt: NOW,
    reason: null,
  })
  expect(ledger.uploadToken(id)).toBeNull()
  expect(ledger.transfer(id)).toBeNull()
  expect(ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
  expect(ledger.chunks(id)).toHaveLength(1)
  expect(ledger.dueWebhooks(NOW, 10)).toMatchObject([{ uploadId: id, payload: PAYLOAD }])
})

test('an upload ends once: a second end changes nothing and owes no second webhook', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')
  ledger.completeUpload(id, RESULT, PAYLOAD, NOW)

  ledger.completeUpload(id, { messageId: 43, fileId: 'other' }, PAYLOAD, NOW + 1)
  ledger.failUpload(id, failure('No', NOW + 2))

  expect(ledger.findUpload(id)).toMatchObject({ state: 'completed', result: RESULT })
  expect(ledger.dueWebhooks(NOW + 9, 10)).toHaveLength(1)
})

test('failing keeps the reason and erases token, transfer and chunks', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')
  ledger.insertChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  ledger.saveTransfer(id, TRANSFER)
  ledger.saveAcknowledgedParts(id, Uint8Array.of(0xff))

  ledger.failUpload(id, failure('Connect Telegram in settings', NOW))

  expect(ledger.findUpload(id)).toMatchObject({
    state: 'failed',
    reason: 'Connect Telegram in settings',
    finishedAt: NOW,
    result: null,
  })
  expect(ledger.uploadToken(id)).toBeNull()
  expect(ledger.transfer(id)).toBeNull()
  expect(ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
  expect(ledger.chunks(id)).toEqual([])
})

test('deleting takes all that belongs to the upload, but not what is owed to the backend', () => {
  const ledger = makeLedger()
  ledger.insertUpload(makeUpload({ id: 'open' }), 'token')
  ledger.insertChunk('open', { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  ledger.saveTransfer('open', TRANSFER)
  ledger.saveAcknowledgedParts('open', Uint8Array.of(1))
  ledger.insertUpload(makeUpload({ id: 'done' }), 'token')
  ledger.completeUpload('done', RESULT, PAYLOAD, NOW)

  for (const id of ['open', 'done', 'never-there']) ledger.deleteUpload(id)

  expect(ledger.findUpload('open')).toBeNull()
  expect(ledger.chunks('open')).toEqual([])
  expect(ledger.transfer('open')).toBeNull()
  expect(ledger.acknowledgedParts('open')).toHaveLength(0)
  expect(ledger.dueWebhooks(NOW, 10)).toHaveLength(1)
})

test('unfinished uploads reserve their size, finished ones give it back', () => {
  const ledger = makeLedger()
  expect(ledger.reservedBytes()).toBe(0)
  const sizes = { receiving: 2_097_152_000, sealed: 300, completed: 50, failed: 7 }
  for (const [id, size] of Object.entries(sizes)) {
    ledger.insertUpload(makeUpload({ id, size }), 'token')
  }

  ledger.sealUpload('sealed', NOW)
  ledger.completeUpload('completed', RESULT, null, NOW)
  ledger.failUpload('failed', failure('No', NOW))

  expect(ledger.reservedBytes()).toBe(2_097_152_300)
})

test('each user’s unfinished uploads are counted on their own', () => {
  const ledger = makeLedger()
  ledger.insertUpload(makeUpload({ id: 'a', owner: 'ann', size: 10 }), 'token')
  ledger.insertUpload(makeUpload({ id: 'b', owner: 'ann', size: 20 }), 'token')
  ledger.insertUpload(makeUpload({ id: 'c', owner: 'bob', size: 40 }), 'token')

  ledger.completeUpload('b', RESULT, null, NOW)

  expect(ledger.reservedBy('ann')).toEqual({ uploads: 1, bytes: 10 })
  expect(ledger.reservedBy('bob')).toEqual({ uploads: 1, bytes: 40 })
  expect(ledger.reservedBy('eve')).toEqual({ uploads: 0, bytes: 0 })
})

test('a transfer is remembered field by field, and forgotten with its parts', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')
  expect(ledger.transfer(id)).toBeNull()
  expect(ledger.acknowledgedParts(id)).toEqual(new Uint8Array())

  ledger.saveTransfer(id, TRANSFER)
  expect(ledger.transfer(id)).toEqual(TRANSFER)
  const later: TransferState = {
    ...TRANSFER,
    document: { id: '5', accessHash: '-6', fileReference: 'AAEC', dcId: 4 },
    randomId: '7',
    newestMessageId: 41,
    postAttempts: 2,
  }
  ledger.saveTransfer(id, later)
  expect(ledger.transfer(id)).toEqual(later)
  const bitmap = new Uint8Array(randomBytes(500))
  ledger.saveAcknowledgedParts(id, bitmap)
  expect(ledger.acknowledgedParts(id)).toEqual(bitmap)

  ledger.deleteTransfer(id)
  expect(ledger.transfer(id)).toBeNull()
  expect(ledger.acknowledgedParts(id)).toEqual(new Uint8Array())
})

test('a late flush brings nothing back of an upload that has ended or gone', () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  ledger.insertUpload(makeUpload(), 'token')
  ledger.completeUpload(id, RESULT, null, NOW)

  for (const late of [id, 'gone']) {
    ledger.saveTransfer(late, TRANSFER)
    ledger.saveAcknowledgedParts(late, Uint8Array.of(1))

    expect(ledger.transfer(late)).toBeNull()
    expect(ledger.acknowledgedParts(late)).toHaveLength(0)
  }
})

test('webhooks come when they are due, oldest first, and count their attempts', () => {
  const ledger = makeLedger()
  expect(ledger.nextWebhookAt()).toBeNull()
  for (const [index, id] of ['first', 'second', 'third'].entries()) {
    ledger.insertUpload(makeUpload({ id }), 'token')
    ledger.completeUpload(id, RESULT, { ...PAYLOAD, messageId: index }, NOW + index)
  }
  const [first, second] = ledger.dueWebhooks(NOW + 1, 10)
  expect([first?.uploadId, second?.uploadId]).toEqual(['first', 'second'])
  expect(ledger.dueWebhooks(NOW + 9, 1)).toHaveLength(1)
  expect(ledger.nextWebhookAt()).toBe(NOW)

  ledger.postponeWebhook(first?.id ?? '', NOW + 100)
  ledger.deleteWebhook(second?.id ?? '')

  expect(ledger.nextWebhookAt()).toBe(NOW + 2)
  expect(ledger.dueWebhooks(NOW + 9, 10).map(({ uploadId }) => uploadId)).toEqual(['third'])
  expect(ledger.dueWebhooks(NOW + 100, 10)).toMatchObject([
    { uploadId: 'first', attempts: 1, dueAt: NOW + 100, createdAt: NOW },
    { uploadId: 'third', attempts: 0 },
  ])
})

test('secrets are kept under names, replaced and deleted', () => {
  const ledger = makeLedger()
  const value = randomBytes(256)
  expect(ledger.secret('bot:1')).toBeNull()

  ledger.saveSecret('bot:1', randomBytes(256))
  ledger.saveSecret('bot:1', value)
  ledger.saveSecret('bot:2', randomBytes(1))
  expect(ledger.secret('bot:1')).toEqual(value)

  ledger.deleteSecret('bot:1')
  expect(ledger.secret('bot:1')).toBeNull()
  expect(ledger.secret('bot:2')).toHaveLength(1)
})

test('a token kept for tickets ends with the last of them, or with the epoch', () => {
  const ledger = makeLedger()
  const kept = { tokenId: 'a1', holder: 'ann', token: 'login', expiresAt: NOW + 10 }
  ledger.keepTicketToken(kept)
  ledger.keepTicketToken({ ...kept, expiresAt: NOW + 5 })
  ledger.keepTicketToken({ ...kept, tokenId: 'b1', holder: 'bob' })

  ledger.deleteExpiredTicketTokens(NOW + 9)
  expect(ledger.ticketToken('a1', NOW + 9)).toBe('login')
  expect(ledger.ticketToken('a1', NOW + 10)).toBeNull()

  ledger.endTicketEpoch('ann', NOW)
  expect(ledger.ticketToken('a1', NOW)).toBeNull()
  expect(ledger.ticketToken('b1', NOW)).toBe('login')
  ledger.deleteExpiredTicketTokens(NOW + 10)
  expect(ledger.ticketToken('b1', NOW)).toBeNull()
})

test('epochs of tickets count up, also past those of a ledger that was lost', () => {
  const ledger = makeLedger()
  expect(ledger.ticketEpoch('ann')).toBeNull()

  const first = ledger.beginTicketEpoch('ann', NOW)
  expect(ledger.beginTicketEpoch('ann', NOW + 5000)).toBe(first)
  ledger.endTicketEpoch('ann', NOW)
  expect(ledger.ticketEpoch('ann')).toBe(first + 1)
  ledger.endTicketEpoch('ann', NOW + 60_000)
  expect(ledger.ticketEpoch('ann')).toBe(first + 60)

  expect(makeLedger().beginTicketEpoch('ann', NOW + 61_000)).toBeGreaterThan(first + 60)
})

test('derived keys differ by purpose and by ledger, and stay what they are', () => {
  const ledger = makeLedger()

  const key = ledger.deriveKey('a')

  expect(key).toHaveLength(32)
  expect(ledger.deriveKey('a')).toEqual(key)
  expect(ledger.deriveKey('b')).not.toEqual(key)
  expect(makeLedger().deriveKey('a')).not.toEqual(key)
})

test('text that could be SQL is text', () => {
  const ledger = makeLedger()
  const id = `'; DROP TABLE uploads; --`

  ledger.insertUpload(makeUpload({ id, fileName: id, owner: id }), id)

  expect(ledger.findUpload(id)).toMatchObject({ id, fileName: id, owner: id })
  expect(ledger.uploadToken(id)).toBe(id)
})

function makeLedger() {
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log: createRecordingLog() })
  onTestFinished(ledger.close)
  return ledger
}
