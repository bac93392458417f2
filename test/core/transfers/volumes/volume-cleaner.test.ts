import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { encodeCaption } from '../../../../src/core/model/caption.ts'
import type { Credentials } from '../../../../src/core/ports/credentials.ts'
import type { MtprotoTransferState, PostKind } from '../../../../src/core/ports/records.ts'
import { createJobQueue } from '../../../../src/core/runtime/job-queue.ts'
import { createVolumeCleaner } from '../../../../src/core/transfers/volumes/volume-cleaner.ts'
import { AppError, shuttingDown } from '../../../../src/errors.ts'
import { createFakeChannel } from '../../../helpers/peers/fake-channel.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { insertUpload } from '../../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../../helpers/storage/memory-ledger.ts'
import { failure, makeUpload } from '../../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const SETTLE_MS = 30_000
const HOUR = 3_600_000
const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1002',
  session: 's',
  apiId: 1,
  apiHash: 'h',
}
const UPLOAD = makeUpload({ size: 3000, volumeBytes: 1000 })
const unavailable = new AppError('TELEGRAM_UNAVAILABLE', 'Telegram fails')
const ended = new AppError('TELEGRAM_SESSION_INVALID', 'Telegram session not authorized')
const refused = new AppError('TOKEN_REFUSED', 'Sign in again')

beforeEach(() => void vi.useFakeTimers({ now: NOW }))
afterEach(() => void vi.useRealTimers())

test('what is posted of a failed upload is deleted in the channel where it is', async () => {
  const { channel, fail, cleaner, ledger, stages } = await start()
  const posts = [post(channel, { volume: 1, of: 3 }), post(channel, { volume: 2, of: 3 })]
  const other = channel.add('hello', {})
  const remove = vi.spyOn(channel, 'remove')
  await fail(posts)

  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(0)

  expect(channel.list().map(({ messageId }) => messageId)).toEqual([other])
  expect(remove.mock.calls[0]?.[0].credentials.channelId).toBe('-1001')
  expect(await ledger.volumeCleanups()).toEqual([])
  expect(stages()).toEqual([])
})

test('a post that was on its way is looked for once it may have arrived, and manifests go first', async () => {
  const { channel, fail, cleaner } = await start()
  const before = post(channel, { volume: 1, of: 3 })
  const posted = post(channel, { volume: 2, of: 3 })
  const remove = vi.spyOn(channel, 'remove')
  await fail([posted], before)
  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(SETTLE_MS - 1)
  const volume = post(channel, { volume: 3, of: 3 })
  const manifest = post(channel, 'manifest')
  const others = [
    post(channel, { volume: 3, of: 3 }, 'ff'.repeat(16)),
    channel.add(lineOf({ volume: 3, of: 3 })),
  ]

  expect(remove).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)

  expect(remove.mock.calls.map(([, ids]) => ids)).toEqual([[manifest], [posted, volume]])
  expect(channel.list().map(({ messageId }) => messageId)).toEqual([before, ...others])
})

test('a bot alone deletes what the ledger knows, and looks for nothing', async () => {
  const { channel, fail, cleaner } = await start()
  channel.sees = null
  const posted = post(channel, { volume: 1, of: 3 })
  await fail([posted], posted)

  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(SETTLE_MS)

  expect(channel.requests).toEqual(['remove'])
  expect(channel.list()).toEqual([])
})

test.each([
  ['that passes', unavailable, 30_000],
  ['that a person has to mend', ended, HOUR],
])('after a failure %s it is tried again, and the token is kept', async (_, error, delay) => {
  const { channel, fail, cleaner, ledger } = await start()
  const posted = post(channel, { volume: 1, of: 3 })
  let failures = 2
  channel.before = async () => {
    if (failures-- > 0) throw error
  }
  await fail([posted])
  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(0)
  const [cleanup] = await ledger.volumeCleanups()
  expect(await ledger.volumeCleanupToken(cleanup?.id ?? 0)).toBe('token')

  await vi.advanceTimersByTimeAsync(2 * delay)

  expect(channel.list()).toEqual([])
  expect(await ledger.volumeCleanups()).toEqual([])
})

test('what no credentials are left for stays, and is named in the log', async () => {
  const { channel, fail, cleaner, ledger, credentials, log } = await start()
  const posted = post(channel, { volume: 1, of: 3 })
  credentials.forRunningUpload.mockRejectedValue(refused)
  await fail([posted])

  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(0)

  expect(channel.list()).toHaveLength(1)
  expect(await ledger.volumeCleanups()).toEqual([])
  expect(log.entries).toMatchObject([
    {
      message: 'posts of an ended upload stay in the channel',
      fields: { messageIds: [posted] },
    },
  ])
})

test('a shutdown keeps what is not deleted for the next start', async () => {
  const { channel, fail, cleaner, ledger, queue } = await start()
  const posted = post(channel, { volume: 1, of: 3 })
  await fail([posted], posted)
  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(0)
  await queue.close(shuttingDown())
  expect(await ledger.volumeCleanups()).toHaveLength(1)

  queue.reopen()
  await cleaner.resume()
  await vi.advanceTimersByTimeAsync(SETTLE_MS)

  expect(channel.list()).toEqual([])
  expect(await ledger.volumeCleanups()).toEqual([])
})

function lineOf(kind: PostKind, id = UPLOAD.captionId): string {
  const unknown = { folderId: null, name: null, modifiedAt: null, sha256: null, crc32: null }
  return encodeCaption({ id, kind, ...unknown })
}

function post(
  channel: ReturnType<typeof createFakeChannel>,
  kind: PostKind,
  id = UPLOAD.captionId,
): number {
  return channel.add(lineOf(kind, id), {})
}

async function start() {
  const ledger = createMemoryLedger()
  const channel = createFakeChannel()
  const log = createRecordingLog()
  const credentials = { forRunningUpload: vi.fn(async () => ANN) }
  const onError = (_key: string, error: unknown): never => {
    throw error
  }
  const queue = createJobQueue({ concurrency: 1, onError })
  const cleaner = createVolumeCleaner({ records: ledger, channel, credentials, queue, log })
  await insertUpload(ledger, UPLOAD, 'token')
  await ledger.fixVolumeChannel(UPLOAD.id, '-1001')

  return {
    ...{ ledger, channel, log, credentials, queue, cleaner },
    /** The upload ends with these volumes posted, and the next one tried after that message. */
    fail: async (messageIds: number[], triedAfter?: number): Promise<void> => {
      for (const [index, messageId] of messageIds.entries()) {
        const ids = { number: index + 1, messageId, documentId: null, fileId: null }
        const volume = { ...ids, size: 1000, crc32: '00000000', hashState: Uint8Array.of(1) }
        await ledger.postVolume(UPLOAD.id, volume, { freedChunks: 0, now: NOW })
      }
      if (triedAfter !== undefined) {
        const state: MtprotoTransferState = {
          road: 'mtproto-user',
          ...{ partsHolder: 'f00d', fileId: '1', startedAt: NOW },
          ...{ document: null, randomId: '1', newestMessageId: triedAfter, postAttempts: 1 },
        }
        await ledger.saveTransfer(UPLOAD.id, state, messageIds.length + 1)
      }
      await ledger.failUpload(UPLOAD.id, failure('No', NOW))
    },
    stages: () => [...queue.stages().values()],
  }
}
