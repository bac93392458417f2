import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TransferState, WebhookPayload } from '../../../src/core/ports/records.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
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

test('an upload is found as it was inserted, and only by its id', async () => {
  const ledger = makeLedger()
  const upload = makeUpload({ size: 2 ** 40 })

  await insertUpload(ledger, upload, 'token')

  expect(await ledger.findUpload(upload.id)).toEqual(upload)
  expect(await ledger.findUpload('another')).toBeNull()
})

test('an upload that came to an end elsewhere is kept whole too', async () => {
  const ledger = makeLedger()
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
  const ledger = makeLedger()
  await insertUpload(ledger, makeUpload(), 'first')

  await expect(insertUpload(ledger, makeUpload({ owner: 'thief' }), 'second')).rejects.toThrow(
    'known',
  )

  expect((await ledger.findUpload(makeUpload().id))?.owner).toBe('user-1')
  expect(await ledger.uploadToken(makeUpload().id)).toBe('first')
})

test("an owner's uploads come newest first, as many as asked for", async () => {
  const ledger = makeLedger()
  for (const [id, createdAt] of [
    ['b', 2],
    ['d', 4],
    ['a', 1],
    ['c', 3],
  ] as const) {
    await insertUpload(ledger, makeUpload({ id, createdAt }), 'token')
  }
  await insertUpload(ledger, makeUpload({ id: 'x', owner: 'user-2', createdAt: 9 }), 'token')

  expect((await ledger.uploadsOf('user-1', 3)).map(({ id }) => id)).toEqual(['d', 'c', 'b'])
  expect(await ledger.uploadsOf('nobody', 3)).toEqual([])
})

test("an owner's unfinished uploads come before newer ones that ended", async () => {
  const ledger = makeLedger()
  for (const [createdAt, id] of ['open', 'sealed', 'done', 'failed', 'cancelled'].entries()) {
    await insertUpload(ledger, makeUpload({ id, createdAt }), 'token')
  }
  await ledger.sealUpload('sealed', NOW)
  await ledger.completeUpload('done', RESULT, null, NOW)
  await ledger.failUpload('failed', failure('No', NOW))
  const cancelled = { reason: 'it was cancelled', percent: 0, now: NOW }
  await ledger.cancelUpload('cancelled', cancelled, { perOwner: 10, inAll: 10 })

  const ids = (await ledger.uploadsOf('user-1', 4)).map(({ id }) => id)

  expect(ids).toEqual(['sealed', 'open', 'cancelled', 'failed'])
})

test('unfinished uploads are listed by state', async () => {
  const ledger = makeLedger()
  for (const id of ['receiving', 'sealed', 'completed', 'failed']) {
    await insertUpload(ledger, makeUpload({ id, totalChunks: 0 }), 'token')
  }
  await ledger.sealUpload('sealed', NOW)
  await ledger.completeUpload('completed', RESULT, null, NOW)
  await ledger.failUpload('failed', failure('No', NOW))

  for (const state of ['receiving', 'sealed'] as const) {
    expect((await ledger.uploadsInState(state)).map(({ id }) => id)).toEqual([state])
  }
})

describe('a cancelled upload', () => {
  const CANCELLED = { reason: 'it was cancelled', percent: 42, now: NOW }
  const KEEP = { perOwner: 10, inAll: 10 }

  test('keeps its row and nothing else', async () => {
    const ledger = makeLedger()
    const { id } = makeUpload()
    const words = { metadata: 'words', concat: 'partial' }
    await insertUpload(ledger, makeUpload(), 'token', words)
    await ledger.acceptChunk(id, { index: 0, size: 1000, digest: 'ab'.repeat(32) }, 1000, NOW)
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
  })

  test('cannot be completed, sealed or failed, and a completed one cannot be cancelled', async () => {
    const ledger = makeLedger()
    for (const id of ['cancelled', 'completed'])
      await insertUpload(ledger, makeUpload({ id }), 'token')
    await ledger.cancelUpload('cancelled', CANCELLED, KEEP)
    await ledger.completeUpload('completed', RESULT, null, NOW)

    await ledger.sealUpload('cancelled', NOW)
    await ledger.completeUpload('cancelled', RESULT, null, NOW)
    await ledger.failUpload('cancelled', failure('No', NOW))
    await ledger.cancelUpload('completed', CANCELLED, KEEP)

    expect((await ledger.findUpload('cancelled'))?.state).toBe('cancelled')
    expect((await ledger.findUpload('completed'))?.state).toBe('completed')
  })

  test('is forgotten when its owner has cancelled too many since, the oldest first', async () => {
    const ledger = makeLedger()
    for (const [at, id] of ['a', 'b', 'c', 'd'].entries()) {
      await insertUpload(ledger, makeUpload({ id }), 'token')
      await ledger.cancelUpload(id, { ...CANCELLED, now: NOW + at }, { perOwner: 2, inAll: 10 })
    }

    expect((await ledger.uploadsOf('user-1', 10)).map(({ id }) => id)).toEqual(['d', 'c'])
  })

  test('makes room in all among those of the owner who has most', async () => {
    const ledger = makeLedger()
    const cancel = async (id: string, owner: string): Promise<void> => {
      await insertUpload(ledger, makeUpload({ id, owner }), 'token')
      await ledger.cancelUpload(id, CANCELLED, { perOwner: 10, inAll: 3 })
    }

    await cancel('first', 'ann')
    for (const id of ['a', 'b', 'c', 'd', 'e']) await cancel(id, 'bob')

    expect((await ledger.uploadsOf('ann', 10)).map(({ id }) => id)).toEqual(['first'])
    expect((await ledger.uploadsOf('bob', 10)).map(({ id }) => id)).toEqual(['e', 'd'])
  })
})

test('the newest token of an unfinished upload is kept, none of a finished one', async () => {
  const ledger = makeLedger()
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

test('a chunk is written with the chunk size and the time', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')

  await ledger.acceptChunk(id, { index: 1, size: 1000, digest: DIGEST }, null, NOW)
  expect(await ledger.findUpload(id)).toMatchObject({ chunkSize: null, touchedAt: NOW })

  await ledger.acceptChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW + 1)
  await ledger.acceptChunk(id, { index: 10, size: 1000, digest: DIGEST }, null, NOW + 2)
  expect(await ledger.findUpload(id)).toMatchObject({ chunkSize: 1000, touchedAt: NOW + 2 })
  expect(await ledger.chunks(id)).toEqual([
    { index: 0, size: 1000, digest: DIGEST },
    { index: 1, size: 1000, digest: DIGEST },
    { index: 10, size: 1000, digest: DIGEST },
  ])
})

test('the same chunk written twice is one chunk', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')

  await ledger.acceptChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  await ledger.acceptChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)

  expect(await ledger.chunks(id)).toHaveLength(1)
})

test('a chunk of an upload that is gone is refused whole', async () => {
  const ledger = makeLedger()

  const chunk = { index: 0, size: 1, digest: DIGEST }

  expect(await ledger.acceptChunk('gone', chunk, 1, NOW)).toEqual({ kind: 'gone' })
  expect(await ledger.chunks('gone')).toEqual([])
})

test('touching and sealing note the time; what has ended cannot be sealed', async () => {
  const ledger = makeLedger()
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

test('completing keeps the result and the webhook, and erases token and transfer', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')
  await ledger.acceptChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  await ledger.saveTransfer(id, TRANSFER)
  await ledger.saveAcknowledgedParts(id, Uint8Array.of(0xff))

  await ledger.completeUpload(id, RESULT, PAYLOAD, NOW)

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

test('an upload ends once: a second end changes nothing and owes no second webhook', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')
  await ledger.completeUpload(id, RESULT, PAYLOAD, NOW)

  await ledger.completeUpload(id, { messageId: 43, fileId: 'other' }, PAYLOAD, NOW + 1)
  await ledger.failUpload(id, failure('No', NOW + 2))

  expect(await ledger.findUpload(id)).toMatchObject({ state: 'completed', result: RESULT })
  expect(await ledger.dueWebhooks(NOW + 9, 10)).toHaveLength(1)
})

test('failing keeps the reason and erases token, transfer and chunks', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')
  await ledger.acceptChunk(id, { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
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

test('deleting takes all that belongs to the upload, but not what is owed to the backend', async () => {
  const ledger = makeLedger()
  await insertUpload(ledger, makeUpload({ id: 'open' }), 'token')
  await ledger.acceptChunk('open', { index: 0, size: 1000, digest: DIGEST }, 1000, NOW)
  await ledger.saveTransfer('open', TRANSFER)
  await ledger.saveAcknowledgedParts('open', Uint8Array.of(1))
  await insertUpload(ledger, makeUpload({ id: 'done' }), 'token')
  await ledger.completeUpload('done', RESULT, PAYLOAD, NOW)

  for (const id of ['open', 'done', 'never-there']) await ledger.deleteUpload(id)

  expect(await ledger.findUpload('open')).toBeNull()
  expect(await ledger.chunks('open')).toEqual([])
  expect(await ledger.transfer('open')).toBeNull()
  expect(await ledger.acknowledgedParts('open')).toHaveLength(0)
  expect(await ledger.dueWebhooks(NOW, 10)).toHaveLength(1)
})

test('unfinished uploads reserve their size, finished ones give it back', async () => {
  const ledger = makeLedger()
  expect((await ledger.reservations()).reservedBytes).toBe(0)
  const sizes = { receiving: 2_097_152_000, sealed: 300, completed: 50, failed: 7 }
  for (const [id, size] of Object.entries(sizes)) {
    await insertUpload(ledger, makeUpload({ id, size }), 'token')
  }

  await ledger.sealUpload('sealed', NOW)
  await ledger.completeUpload('completed', RESULT, null, NOW)
  await ledger.failUpload('failed', failure('No', NOW))

  expect((await ledger.reservations()).reservedBytes).toBe(2_097_152_300)
})

test('each user’s unfinished uploads are counted on their own', async () => {
  const ledger = makeLedger()
  await insertUpload(ledger, makeUpload({ id: 'a', owner: 'ann', size: 10 }), 'token')
  await insertUpload(ledger, makeUpload({ id: 'b', owner: 'ann', size: 20 }), 'token')
  await insertUpload(ledger, makeUpload({ id: 'c', owner: 'bob', size: 40 }), 'token')

  await ledger.completeUpload('b', RESULT, null, NOW)

  const full = { share: { maxUploads: 1, maxBytes: 1000 }, stream: null, token: 'token' }
  const capacity = { limitBytes: 1000, freeBytes: 1000, presentBytes: 0 }
  const open = (owner: string) =>
    ledger.openUpload({
      ...full,
      capacity,
      upload: makeUpload({ id: `${owner} more`, owner, size: 1 }),
    })
  expect(await open('ann')).toEqual({ kind: 'over-share', held: { uploads: 1, bytes: 10 } })
  expect(await open('bob')).toEqual({ kind: 'over-share', held: { uploads: 1, bytes: 40 } })
  expect(await open('eve')).toEqual({ kind: 'opened' })
})

test('a transfer is remembered field by field, and forgotten with its parts', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')
  expect(await ledger.transfer(id)).toBeNull()
  expect(await ledger.acknowledgedParts(id)).toEqual(new Uint8Array())

  await ledger.saveTransfer(id, TRANSFER)
  expect(await ledger.transfer(id)).toEqual(TRANSFER)
  const later: TransferState = {
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

test('a late flush brings nothing back of an upload that has ended or gone', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')
  await ledger.completeUpload(id, RESULT, null, NOW)

  for (const late of [id, 'gone']) {
    await ledger.saveTransfer(late, TRANSFER)
    await ledger.saveAcknowledgedParts(late, Uint8Array.of(1))

    expect(await ledger.transfer(late)).toBeNull()
    expect(await ledger.acknowledgedParts(late)).toHaveLength(0)
  }
})

test('webhooks come when they are due, oldest first, and count their attempts', async () => {
  const ledger = makeLedger()
  expect(await ledger.nextWebhookAt()).toBeNull()
  for (const [index, id] of ['first', 'second', 'third'].entries()) {
    await insertUpload(ledger, makeUpload({ id }), 'token')
    await ledger.completeUpload(id, RESULT, { ...PAYLOAD, messageId: index }, NOW + index)
  }
  const [first, second] = await ledger.dueWebhooks(NOW + 1, 10)
  expect([first?.uploadId, second?.uploadId]).toEqual(['first', 'second'])
  expect(await ledger.dueWebhooks(NOW + 9, 1)).toHaveLength(1)
  expect(await ledger.nextWebhookAt()).toBe(NOW)

  await ledger.postponeWebhook(first?.id ?? '', NOW + 100)
  await ledger.deleteWebhook(second?.id ?? '')

  expect(await ledger.nextWebhookAt()).toBe(NOW + 2)
  expect((await ledger.dueWebhooks(NOW + 9, 10)).map(({ uploadId }) => uploadId)).toEqual(['third'])
  expect(await ledger.dueWebhooks(NOW + 100, 10)).toMatchObject([
    { uploadId: 'first', attempts: 1, dueAt: NOW + 100, createdAt: NOW },
    { uploadId: 'third', attempts: 0 },
  ])
})

test('secrets are kept under names, replaced and deleted', async () => {
  const ledger = makeLedger()
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

test('a token kept for tickets ends with the last of them, or with the epoch', async () => {
  const ledger = makeLedger()
  const kept = { tokenId: 'a1', holder: 'ann', token: 'login', expiresAt: NOW + 10 }
  await ledger.keepTicketToken(kept)
  await ledger.keepTicketToken({ ...kept, expiresAt: NOW + 5 })
  await ledger.keepTicketToken({ ...kept, tokenId: 'b1', holder: 'bob' })

  await ledger.deleteExpiredTicketTokens(NOW + 9)
  expect(await ledger.ticketToken('a1', NOW + 9)).toBe('login')
  expect(await ledger.ticketToken('a1', NOW + 10)).toBeNull()

  await ledger.endTicketEpoch('ann', NOW)
  expect(await ledger.ticketToken('a1', NOW)).toBeNull()
  expect(await ledger.ticketToken('b1', NOW)).toBe('login')
  await ledger.deleteExpiredTicketTokens(NOW + 10)
  expect(await ledger.ticketToken('b1', NOW)).toBeNull()
})

test('epochs of tickets count up, also past those of a ledger that was lost', async () => {
  const ledger = makeLedger()
  expect(await ledger.ticketEpoch('ann')).toBeNull()

  const first = await ledger.beginTicketEpoch('ann', NOW)
  expect(await ledger.beginTicketEpoch('ann', NOW + 5000)).toBe(first)
  await ledger.endTicketEpoch('ann', NOW)
  expect(await ledger.ticketEpoch('ann')).toBe(first + 1)
  await ledger.endTicketEpoch('ann', NOW + 60_000)
  expect(await ledger.ticketEpoch('ann')).toBe(first + 60)

  const next = await makeLedger().beginTicketEpoch('ann', NOW + 61_000)
  expect(next).toBeGreaterThan(first + 60)
})

test('derived keys differ by purpose and by ledger, and stay what they are', () => {
  const ledger = makeLedger()

  const key = ledger.deriveKey('a')

  expect(key).toHaveLength(32)
  expect(ledger.deriveKey('a')).toEqual(key)
  expect(ledger.deriveKey('b')).not.toEqual(key)
  expect(makeLedger().deriveKey('a')).not.toEqual(key)
})

test('text that could be SQL is text', async () => {
  const ledger = makeLedger()
  const id = `'; DROP TABLE uploads; --`

  await insertUpload(ledger, makeUpload({ id, fileName: id, owner: id }), id)

  expect(await ledger.findUpload(id)).toMatchObject({ id, fileName: id, owner: id })
  expect(await ledger.uploadToken(id)).toBe(id)
})

function makeLedger() {
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log: createRecordingLog() })
  onTestFinished(ledger.close)
  return ledger
}

test('a transfer by the Bot API is remembered without what only MTProto has', async () => {
  const ledger = makeLedger()
  const { id } = makeUpload()
  await insertUpload(ledger, makeUpload(), 'token')
  const state = { road: 'bot-api', startedAt: NOW, postAttempts: 1 } as const

  await ledger.saveTransfer(id, state)

  expect(await ledger.transfer(id)).toEqual(state)
})
