import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Ledger } from '../../../../src/core/ports/ledger.ts'
import type {
  BotApiTransferState,
  TransferState,
  Upload,
} from '../../../../src/core/ports/records.ts'
import type { PostedVolume } from '../../../../src/core/ports/volumes.ts'
import { failure, makeUpload } from '../../upload.ts'
import { BOUNDLESS, insertUpload } from '../insert-upload.ts'
import { DIGEST, type MakeLedger, NOW, RESULT, TRANSFER } from './fixtures.ts'

const ID = makeUpload().id
const LARGE = makeUpload({ size: 10_000, totalChunks: 10, chunkSize: 1000, volumeBytes: 4000 })
const TRIED: TransferState = { ...TRANSFER, postAttempts: 1, newestMessageId: 40 }
const BY_BOT: BotApiTransferState = {
  road: 'bot-api',
  startedAt: NOW,
  postAttempts: 1,
  posted: null,
}
const KEEP = { perOwner: 9, inAll: 9 }

/** What becomes of uploads that go as volumes. */
export function keepsVolumes(make: MakeLedger): void {
  test('each volume has a transfer of its own, which ends when it is posted', async () => {
    const { ledger } = await make()
    await insertUpload(ledger, LARGE, 'token')
    for (const number of [0, 1, 2]) {
      await ledger.saveTransfer(ID, { ...TRANSFER, fileId: String(number) }, number)
      await ledger.saveAcknowledgedParts(ID, Uint8Array.of(number), number)
    }

    expect(await ledger.postVolume(ID, posted(1), { freedChunks: 4, now: NOW })).toBe(true)
    expect(await ledger.transfer(ID, 1)).toBeNull()
    expect(await ledger.acknowledgedParts(ID, 1)).toHaveLength(0)
    await ledger.deleteTransfer(ID, 2)
    expect(await ledger.transfer(ID, 2)).toBeNull()

    expect(await ledger.transfer(ID)).toMatchObject({ fileId: '0' })
    expect(await ledger.acknowledgedParts(ID)).toEqual(Uint8Array.of(0))
    await ledger.deleteTransfers(ID)
    expect(await ledger.transfer(ID)).toBeNull()
    expect(await ledger.acknowledgedParts(ID)).toHaveLength(0)
  })

  test('volumes are kept as they were posted, in order, until their upload ends', async () => {
    const { ledger } = await make()
    await insertUpload(ledger, LARGE, 'token')
    const volumes = [posted(1), { ...posted(2), documentId: null, fileId: 'BQAC' }]

    for (const volume of volumes.toReversed()) {
      await ledger.postVolume(ID, volume, { freedChunks: 4 * volume.number, now: NOW + 5 })
    }

    expect(await ledger.volumes(ID)).toEqual(volumes)
    expect(await ledger.findUpload(ID)).toMatchObject({
      volumeBytes: 4000,
      postedVolumes: 2,
      freedChunks: 8,
      touchedAt: NOW + 5,
    })
    await ledger.completeUpload(ID, { result: RESULT, webhook: null, library: null, now: NOW })
    expect(await ledger.volumes(ID)).toEqual([])
    expect(await ledger.postVolume(ID, posted(3), { freedChunks: 10, now: NOW })).toBe(false)
    expect(await ledger.volumeCleanups()).toEqual([])
  })

  test('an upload reserves what it says, and freed chunks make room', async () => {
    const { ledger } = await make()
    const opening = { ...BOUNDLESS, token: 'token', stream: null }
    await ledger.openUpload({ ...opening, upload: LARGE, reservedBytes: 9000 })
    const sums = async (): Promise<number[]> => {
      const { reservedBytes, unwrittenBytes } = await ledger.reservations()
      return [reservedBytes, unwrittenBytes]
    }
    expect(await sums()).toEqual([9000, 9000])

    for (let index = 0; index < 8; index++) await acceptChunk(ledger, index)
    expect(await sums()).toEqual([9000, 1000])
    await ledger.postVolume(ID, posted(1), { freedChunks: 4, now: NOW })

    // What has not come yet is less than the window.
    expect(await sums()).toEqual([6000, 2000])
    expect(await ledger.chunks(ID)).toHaveLength(8)
    expect((await ledger.findChunk(ID, 0))?.chunk).toMatchObject({ digest: DIGEST })
    await ledger.failUpload(ID, failure('No', NOW))
    expect(await sums()).toEqual([0, 0])
  })

  test('what an upload reserves counts in the share of its owner and in the spool', async () => {
    const { ledger } = await make()
    const open = async (id: string, room: object): Promise<string> => {
      const upload = { ...LARGE, id }
      const opening = { ...BOUNDLESS, upload, token: 'token', stream: null, reservedBytes: 4000 }
      return (await ledger.openUpload({ ...opening, ...room })).kind
    }
    const share = { maxUploads: 9, maxBytes: 8000 }
    const capacity = { ...BOUNDLESS.capacity, limitBytes: 8000 }

    expect(await open('first', { share })).toBe('opened')
    expect(await open('second', { capacity })).toBe('opened')
    expect(await open('third', { share })).toBe('over-share')
    expect(await open('third', { capacity })).toBe('no-capacity')
  })

  test('an upload stays in the channel of its first post', async () => {
    const { ledger } = await make()
    await insertUpload(ledger, LARGE, 'token')

    expect(await ledger.fixVolumeChannel(ID, '-1001')).toBe('-1001')
    expect(await ledger.fixVolumeChannel(ID, '-1002')).toBe('-1001')
    await ledger.failUpload(ID, failure('No', NOW))
    expect(await ledger.fixVolumeChannel(ID, '-1003')).toBeNull()
  })

  test.each<[string, (ledger: Ledger) => Promise<unknown>]>([
    ['fails', (ledger) => ledger.failUpload(ID, failure('No', NOW))],
    [
      'is cancelled',
      (ledger) => ledger.cancelUpload(ID, { reason: 'x', percent: 1, now: NOW }, KEEP),
    ],
    ['is removed', (ledger) => ledger.deleteUpload(ID)],
    ['expires', (ledger) => ledger.expireUpload(ID, NOW)],
  ])('what is in the channel of an upload that %s is kept, with its token', async (_, end) => {
    const { ledger, other } = await make()
    await insertUpload(ledger, LARGE, 'token')
    await ledger.saveUploadToken(ID, 'newer token')
    await ledger.fixVolumeChannel(ID, '-1001')
    for (const number of [1, 2]) {
      await ledger.postVolume(ID, posted(number), { freedChunks: 0, now: NOW })
    }
    await ledger.saveTransfer(ID, TRIED, 3)

    await end(ledger)
    await ledger.deleteUpload(ID)

    const [cleanup, ...others] = await other.volumeCleanups()
    expect(others).toEqual([])
    expect(cleanup).toEqual({
      id: cleanup?.id,
      uploadId: ID,
      owner: LARGE.owner,
      channelId: '-1001',
      captionId: LARGE.captionId,
      messageIds: [101, 102],
      lookAfter: 40,
    })
    const id = cleanup?.id ?? 0
    expect(await other.volumeCleanupToken(id)).toBe('newer token')
    await ledger.endVolumeCleanup(id)
    expect(await ledger.volumeCleanups()).toEqual([])
    expect(await ledger.volumeCleanupToken(id)).toBeNull()
  })

  test.each<[string, { tried: TransferState; number?: number }, object | null]>([
    ['whose only post was tried', { tried: TRIED }, { messageIds: [], lookAfter: 40 }],
    ['that was not tried to be posted', { tried: TRANSFER }, null],
    ['whose post a bot alone has tried', { tried: BY_BOT }, null],
    [
      'whose second post a bot alone has tried',
      { tried: BY_BOT, number: 2 },
      { messageIds: [101], lookAfter: 101 },
    ],
    [
      'that is still to be read back',
      { tried: { ...BY_BOT, posted: { messageId: 77, fileId: 'f' } } },
      { messageIds: [77], lookAfter: null },
    ],
  ])('of an upload %s as much is kept as may be there', async (_, { tried, number = 1 }, left) => {
    const { ledger } = await make()
    await insertUpload(ledger, LARGE, 'token')
    await ledger.fixVolumeChannel(ID, '-1001')
    for (let before = 1; before < number; before++) {
      await ledger.postVolume(ID, posted(before), { freedChunks: 0, now: NOW })
    }
    await ledger.saveTransfer(ID, tried, number)

    await ledger.failUpload(ID, failure('No', NOW))

    expect(await ledger.volumeCleanups()).toMatchObject(left === null ? [] : [left])
  })

  test('an upload of one document leaves nothing to delete', async () => {
    const { ledger } = await make()
    const upload: Upload = makeUpload()
    await insertUpload(ledger, upload, 'token')
    await ledger.saveTransfer(ID, TRIED)

    await ledger.cancelUpload(ID, { reason: 'x', percent: 1, now: NOW }, KEEP)

    expect(await ledger.volumeCleanups()).toEqual([])
  })
}

function posted(number: number): PostedVolume {
  return {
    number,
    messageId: 100 + number,
    documentId: '-9223372036854775808',
    fileId: null,
    size: 4000,
    crc32: '0000abcd',
    hashState: new Uint8Array(randomBytes(104)),
  }
}

function acceptChunk(ledger: Ledger, index: number): Promise<unknown> {
  const chunk = { index, size: 1000, digest: DIGEST }
  return ledger.acceptChunk(ID, chunk, { chunkSize: null, token: null, now: NOW })
}
