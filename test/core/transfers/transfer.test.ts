import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CANCELLED, REMEMBERED_CANCELLATIONS } from '../../../src/core/model/cancellation.ts'
import { decodeCaption } from '../../../src/core/model/caption.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { Digests, Upload } from '../../../src/core/ports/records.ts'
import { createProgressBoard, type Progress } from '../../../src/core/progress/progress-board.ts'
import { createJobQueue } from '../../../src/core/runtime/job-queue.ts'
import { createTransfers, type TransfersOptions } from '../../../src/core/transfers/transfer.ts'
import { AccountElsewhere, AppError, shuttingDown } from '../../../src/errors.ts'
import { KiB } from '../../../src/lib/units.ts'
import { untilAborted } from '../../../src/lib/waiting/abortable.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import { claim, pieces } from '../../helpers/storage/spool-contract.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const MINUTE = 60_000
const CHUNK = 512 * KiB
const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 's',
  apiId: 1,
  apiHash: 'h',
}

const passing = new AppError('TELEGRAM_UNAVAILABLE', 'Telegram fails')
const telegramDown = new AppError('TELEGRAM_UNAVAILABLE', 'down', {
  peerDown: true,
  retryAfter: 30,
})
const backendDown = new AppError('BACKEND_UNAVAILABLE', 'down', { peerDown: true, retryAfter: 5 })
const rejected = new AppError('TELEGRAM_REJECTED', 'Telegram said no')
const diskFull = new AppError('SPOOL_FULL', 'the disk is full')
const floodOf = (retryAfter: number): AppError =>
  new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', { retryAfter })

beforeEach(() => {
  vi.useFakeTimers({ now: NOW })
  // Of each back-off the middle.
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('a sealed upload is posted, recorded, told to the backend and cleared away', async () => {
  const { open, seal, gateway, ledger, spool, onWebhook, metrics, progressOf } = start()
  const { bytes } = await open('a', 10)

  await seal('a')

  expect(gateway.posted).toMatchObject([{ name: 'a.bin', bytes }])
  const digests = digestsOf(bytes)
  const { sha256 } = digests
  const posted = { messageId: 1, fileId: 'file-1' }
  expect(await ledger.findUpload('a')).toMatchObject({
    state: 'completed',
    result: { ...posted, digests },
    finishedAt: NOW,
  })
  expect(await ledger.dueWebhooks(NOW, 9)).toMatchObject([
    { uploadId: 'a', payload: { userId: 'ann', ...posted, size: 10, sha256 } },
  ])
  expect(await ledger.libraryFile({ owner: 'ann', channelId: '-1001' }, 1)).toMatchObject({
    name: 'a.bin',
    size: 10,
    path: [],
  })
  expect(onWebhook).toHaveBeenCalledTimes(1)
  expect(await spool.uploadIds()).toEqual([])
  expect(await progressOf('a')).toMatchObject({ status: 'completed', messageId: 1, sha256 })
  expect(metrics.ended.mock.calls).toEqual([[{ uploadId: 'a', outcome: 'completed', seconds: 0 }]])
})

test('every try of a post says the same in its caption, also after a restart', async () => {
  const { open, put, gateway, ledger, newProcess, transfers } = start()
  const { upload, bytes } = await open('a', 10)
  await put({ id: 'a' }, 0)
  const sealing = await ledger.sealUpload('a', NOW)
  const captions: string[] = []
  gateway.beforeFinish = async ({ caption }) => {
    captions.push(await caption())
    if (captions.length < 3) throw passing
  }

  if (sealing.kind === 'sealed') transfers.sealed(sealing.upload)
  await vi.advanceTimersByTimeAsync(2000)
  await newProcess().transfers.resume()
  await vi.advanceTimersByTimeAsync(0)

  expect(captions).toHaveLength(3)
  expect(new Set(captions).size).toBe(1)
  expect(decodeCaption(captions[0] ?? '', null)).toEqual({
    id: upload.captionId,
    kind: 'file',
    folderId: null,
    name: 'a.bin',
    modifiedAt: NOW,
    ...digestsOf(bytes),
  })
})

test('a caption without names has everything else', async () => {
  const { open, seal, gateway } = start({ namesInCaptions: false })
  const { upload } = await open('a', 10)
  let caption = ''
  gateway.beforeFinish = async (request) => {
    caption = await request.caption()
  }

  await seal('a')

  expect(caption).not.toContain('name=')
  expect(decodeCaption(caption, null)).toMatchObject({
    id: upload.captionId,
    name: null,
    modifiedAt: NOW,
  })
})

test('without a backend no webhook is recorded', async () => {
  const { open, seal, ledger, onWebhook } = start({ webhooks: false })
  await open('a', 10)

  await seal('a')

  expect(await ledger.findUpload('a')).toMatchObject({ state: 'completed' })
  expect(await ledger.nextWebhookAt()).toBeNull()
  expect(onWebhook).not.toHaveBeenCalled()
})

test('an upload whose road sends nothing early waits for its seal without a slot', async () => {
  const { open, arrive, seal, gateway, stages, transfers } = start()
  await open('a', 2 * CHUNK)

  await arrive('a', 0)

  expect(stages()).toEqual(['idle'])
  expect([gateway.earlyParts, transfers.isActive('a')]).toEqual([[], false])
  await seal('a')
  expect(gateway.posted).toHaveLength(1)
})

test('a large upload sends its parts as its chunks arrive, in any order', async () => {
  const { open, arrive, seal, gateway, stages, progressOf } = start({ early: true })
  const sendAvailable = vi.spyOn(gateway, 'sendAvailable')
  const { bytes } = await open('a', 3 * CHUNK)

  await arrive('a', 1)
  expect(gateway.earlyParts).toEqual([1])
  expect(stages()).toEqual(['idle'])
  await arrive('a', 0)
  expect(gateway.earlyParts).toEqual([1, 0])
  expect(await progressOf('a')).toMatchObject({ status: 'uploading', phase: 'sending' })
  expect(gateway.posted).toEqual([])

  await arrive('a', 2)
  await seal('a')
  expect(gateway.earlyParts).toEqual([1, 0, 2])
  expect(sendAvailable).toHaveBeenCalledTimes(3)
  expect(gateway.posted[0]?.bytes.equals(bytes)).toBe(true)
})

test('a chunk that arrives while the job reads the ledger is sent with the others', async () => {
  const { open, put, arrive, gateway, ledger, transfers } = start({ early: true })
  const { upload } = await open('a', 3 * CHUNK)
  ledger.before('acknowledgedParts', async () => {
    await put(upload, 1)
    transfers.chunkArrived({ ...upload, chunkSize: CHUNK }, 1)
  })

  await arrive('a', 0)

  expect(gateway.earlyParts).toEqual([0, 1])
})

test('while chunks arrive only what was sent and what has to wait is shown', async () => {
  const { open, arrive, gateway, progressOf } = start({ early: true })
  await open('a', 2 * CHUNK)
  vi.spyOn(gateway, 'sendAvailable').mockImplementation(async ({ onEvent }) => {
    onEvent({ phase: 'connecting' })
  })

  await arrive('a', 0)

  expect(await progressOf('a')).toMatchObject({ phase: 'receiving', progress: 0 })
})

test('acknowledged parts are in the ledger a moment after they were sent', async () => {
  const { open, arrive, ledger } = start({ early: true })
  await open('a', 4 * CHUNK)
  await arrive('a', 0)
  await arrive('a', 2)

  await vi.advanceTimersByTimeAsync(250)

  expect((await ledger.acknowledgedParts('a'))[0]).toBe(0b101)
})

test('a passing failure while chunks arrive is tried again after a wait, without a new chunk', async () => {
  const { open, arrive, gateway } = start({ early: true })
  await open('a', 2 * CHUNK)
  const sendAvailable = vi.spyOn(gateway, 'sendAvailable').mockRejectedValueOnce(passing)

  await arrive('a', 0)
  await vi.advanceTimersByTimeAsync(499)
  expect(sendAvailable).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)

  expect(gateway.earlyParts).toEqual([0])
})

test('a final failure while chunks arrive is reported once the upload is sealed', async () => {
  const { open, arrive, seal, gateway, finish, progressOf } = start({ early: true })
  await open('a', 2 * CHUNK)
  const sendAvailable = vi.spyOn(gateway, 'sendAvailable').mockRejectedValue(rejected)
  finish.mockRejectedValue(rejected)

  await arrive('a', 0)
  await arrive('a', 1)
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  expect(sendAvailable).toHaveBeenCalledTimes(1)
  expect(await progressOf('a')).toMatchObject({ status: 'uploading', phase: 'receiving' })

  await seal('a')
  expect(await progressOf('a')).toMatchObject({ status: 'failed', reason: 'Telegram said no' })
})

test('the seal ends a wait between two tries', async () => {
  const { open, arrive, seal, gateway } = start({ early: true })
  await open('a', 2 * CHUNK)
  vi.spyOn(gateway, 'sendAvailable').mockRejectedValue(floodOf(3_000))

  await arrive('a', 0)
  await seal('a')

  expect(gateway.posted).toHaveLength(1)
})

test('a transfer is tried as often as allowed, and then fails', async () => {
  const { open, seal, finish, ledger, spool, metrics, progressOf } = start({ attempts: 3 })
  await open('a', 10)
  finish.mockRejectedValue(passing)

  await seal('a')
  expect(await progressOf('a')).toMatchObject({ status: 'uploading', phase: 'queued' })
  await vi.advanceTimersByTimeAsync(500)
  expect([finish.mock.calls.length, (await progressOf('a')).status]).toEqual([2, 'uploading'])
  await vi.advanceTimersByTimeAsync(1_000)

  expect(finish).toHaveBeenCalledTimes(3)
  expect(await ledger.findUpload('a')).toMatchObject({ state: 'failed', reason: 'Telegram fails' })
  expect(await ledger.uploadToken('a')).toBeNull()
  expect(await spool.uploadIds()).toEqual([])
  expect(metrics.ended.mock.calls).toEqual([[{ uploadId: 'a', outcome: 'failed' }]])
})

test.each<[string, unknown, string]>([
  ['a refusal of Telegram', rejected, 'Telegram said no'],
  ['a refused token', new AppError('TOKEN_REFUSED', 'The token is old'), 'Sign in again'],
  ['a bug', new Error('x is undefined'), 'Something went wrong inside the worker'],
])('%s fails the upload at once', async (_name, error, reason) => {
  const { open, seal, finish, ledger } = start()
  await open('a', 10)
  finish.mockRejectedValue(error)

  await seal('a')

  expect(finish).toHaveBeenCalledTimes(1)
  expect(await ledger.findUpload('a')).toMatchObject({ state: 'failed', reason, retryAt: null })
})

test.each<[string, AppError, number]>([
  ["Telegram's wait", floodOf(40), 40],
  ['a Telegram that is down', telegramDown, 31],
])('%s uses up no attempt', async (_name, error, seconds) => {
  const { open, seal, finish, gateway, metrics, progressOf } = start({ attempts: 1 })
  await open('a', 10)
  for (let time = 0; time < 5; time++) finish.mockRejectedValueOnce(error)

  await seal('a')
  expect(await progressOf('a')).toMatchObject({ phase: 'waiting', retryAfter: seconds })
  await vi.advanceTimersByTimeAsync(seconds * 1_000 - 1)
  expect(finish).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(finish).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(4 * seconds * 1_000)

  expect(gateway.posted).toHaveLength(1)
  const ended = { uploadId: 'a', outcome: 'completed', seconds: 5 * seconds }
  expect(metrics.ended.mock.calls).toEqual([[ended]])
})

test("Telegram's wait that is longer than a job may last fails the upload, and says until when", async () => {
  const { open, seal, finish, ledger } = start({ maxDurationMs: 60 * MINUTE })
  await open('a', 10)
  finish.mockRejectedValue(floodOf(3_601))

  await seal('a')

  expect(await ledger.findUpload('a')).toMatchObject({
    state: 'failed',
    reason: 'Telegram asks this account to wait for 1 hour 1 minute. Add the file again after that',
    retryAt: NOW + 3_601_000,
  })
})

test('waits that together are longer than a job may last fail the upload', async () => {
  const { open, seal, finish, progressOf } = start({ maxDurationMs: 10 * MINUTE })
  await open('a', 10)
  finish.mockRejectedValue(floodOf(240))

  await seal('a')
  await vi.advanceTimersByTimeAsync(8 * MINUTE - 1)
  expect(await progressOf('a')).toMatchObject({ status: 'uploading' })
  await vi.advanceTimersByTimeAsync(1)

  expect(finish).toHaveBeenCalledTimes(3)
  expect(await progressOf('a')).toMatchObject({ status: 'failed' })
})

test('users take turns, whatever one of them has sealed before', async () => {
  const { open, seal, gateway } = start({ concurrency: 1 })
  const release = hang(gateway)
  for (const id of ['ann-1', 'ann-2', 'ann-3']) await open(id, 10)
  await open('bob-1', 10, { owner: 'bob' })
  for (const id of ['ann-1', 'ann-2', 'ann-3', 'bob-1']) await seal(id)
  expect(gateway.posted).toEqual([])

  release()
  await vi.advanceTimersByTimeAsync(0)

  const names = gateway.posted.map(({ name }) => name)
  expect(names).toEqual(['ann-1.bin', 'bob-1.bin', 'ann-2.bin', 'ann-3.bin'])
})

test('of two sealed uploads one is sent at a time where there is one slot', async () => {
  const { open, seal, gateway, finish, stages } = start({ concurrency: 1 })
  const release = hang(gateway)
  for (const id of ['a', 'b']) {
    await open(id, 10)
    await seal(id)
  }

  expect([finish.mock.calls.length, stages()]).toEqual([1, ['working', 'queued']])
  release()
  await vi.advanceTimersByTimeAsync(0)

  expect(gateway.posted).toHaveLength(2)
})

test('an upload whose account has to wait holds no slot that another could use', async () => {
  const { open, seal, gateway, finish, progressOf } = start({ concurrency: 1 })
  await open('a', 10)
  await open('b', 20)
  gateway.waitFor = (_granted, size) => (size === 10 ? 60 : 0)

  await seal('a')
  await seal('b')

  expect(gateway.posted).toMatchObject([{ name: 'b.bin' }])
  expect(await progressOf('a')).toMatchObject({ phase: 'waiting', retryAfter: 60 })
  gateway.waitFor = () => 0
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(gateway.posted).toMatchObject([{ name: 'b.bin' }, { name: 'a.bin' }])
  expect(finish).toHaveBeenCalledTimes(2)
})

test('a backend that is down is waited for without a slot, and uses up no attempt', async () => {
  const { open, seal, gateway, credentials, stages, progressOf } = start({ attempts: 1 })
  await open('a', 10)
  credentials.forRunningUpload.mockRejectedValueOnce(backendDown)
  credentials.forRunningUpload.mockRejectedValueOnce(backendDown)

  await seal('a')
  expect(stages()).toEqual(['idle'])
  expect(await progressOf('a')).toMatchObject({ phase: 'waiting', retryAfter: 6 })
  await vi.advanceTimersByTimeAsync(12_000)

  expect(gateway.posted).toHaveLength(1)
})

test('a backend that stays down for as long as a job may last fails the upload', async () => {
  const { open, seal, credentials, ledger } = start({ maxDurationMs: MINUTE })
  await open('a', 10)
  credentials.forRunningUpload.mockRejectedValue(backendDown)

  await seal('a')
  await vi.advanceTimersByTimeAsync(2 * MINUTE)

  expect(await ledger.findUpload('a')).toMatchObject({ state: 'failed', reason: 'down' })
})

test('an upload without a token fails with the advice to sign in again', async () => {
  const { open, seal, finish, ledger } = start()
  await open('a', 10, { token: null })

  await seal('a')

  expect(await ledger.findUpload('a')).toMatchObject({ state: 'failed', reason: 'Sign in again' })
  expect(finish).not.toHaveBeenCalled()
})

test.each(['acknowledgedParts', 'completeUpload'] as const)(
  'a disk that refuses %s for a while delays the upload, which is posted once',
  async (call) => {
    const { open, seal, gateway, ledger, finish } = start()
    await open('a', 10)
    for (let time = 0; time < 3; time++) ledger.before(call, () => Promise.reject(diskFull))

    await seal('a')
    expect((await ledger.findUpload('a'))?.state).toBe('sealed')
    await vi.advanceTimersByTimeAsync(10_000)

    expect((await ledger.findUpload('a'))?.state).toBe('completed')
    expect([finish.mock.calls.length, gateway.posted.length]).toEqual([1, 1])
  },
)

test('a disk that refuses the row of a failure delays the failure', async () => {
  const { open, seal, ledger, finish } = start()
  await open('a', 10)
  finish.mockRejectedValue(rejected)
  ledger.before('failUpload', () => Promise.reject(diskFull))

  await seal('a')
  expect((await ledger.findUpload('a'))?.state).toBe('sealed')
  await vi.advanceTimersByTimeAsync(10_000)

  expect((await ledger.findUpload('a'))?.state).toBe('failed')
})

test('a disk that cannot be read during a transfer uses up no attempt', async () => {
  const { open, seal, finish, gateway } = start({ attempts: 1 })
  await open('a', 10)
  for (let time = 0; time < 4; time++) finish.mockRejectedValueOnce(diskFull)

  await seal('a')
  await vi.advanceTimersByTimeAsync(10_000)

  expect(gateway.posted).toHaveLength(1)
})

test('chunk files that cannot be removed are left to the sweep', async () => {
  const { open, seal, spool, log, progressOf } = start()
  await open('a', 10)
  vi.spyOn(spool, 'remove').mockRejectedValue(diskFull)

  await seal('a')

  expect(await progressOf('a')).toMatchObject({ status: 'completed' })
  expect(log.entries).toContainEqual(
    expect.objectContaining({ level: 'warn', message: 'chunks left to the sweep' }),
  )
})

test.each<[string, (harness: Harness) => void]>([
  ['sends', ({ gateway }) => void hang(gateway)],
  ['waits for Telegram', ({ finish }) => void finish.mockRejectedValue(floodOf(60))],
  [
    'waits for the backend',
    ({ credentials }) => void credentials.forRunningUpload.mockRejectedValue(backendDown),
  ],
  [
    'waits for its account',
    ({ gateway }) => {
      gateway.waitFor = () => 60
    },
  ],
])('a job that %s ends at once when it is stopped, and records nothing', async (_name, prepare) => {
  const harness = start()
  const { open, seal, transfers, ledger, gateway, metrics } = harness
  await open('a', 10)
  prepare(harness)
  await seal('a')
  expect(transfers.isActive('a')).toBe(true)

  await transfers.stop('a', new AppError('UPLOAD_CANCELLED', 'cancelled'))

  expect(transfers.isActive('a')).toBe(false)
  expect((await ledger.findUpload('a'))?.state).toBe('sealed')
  expect([gateway.posted, vi.getTimerCount()]).toEqual([[], 0])
  expect(metrics.ended).not.toHaveBeenCalled()
})

test('a job that waits for chunks ends at once when it is stopped, and keeps its parts', async () => {
  const { open, arrive, transfers, ledger, stages } = start({ early: true })
  await open('a', 2 * CHUNK)
  await arrive('a', 0)

  await transfers.stop('a', new AppError('UPLOAD_CANCELLED', 'cancelled'))

  expect(stages()).toEqual([])
  expect((await ledger.acknowledgedParts('a'))[0]).toBe(0b1)
})

test('after a restart unfinished uploads go on, the whole ones first', async () => {
  const { open, put, seal, queue, gateway, finish, newProcess } = start({ early: true })
  hang(gateway)
  const { upload } = await open('arriving', 2 * CHUNK)
  await put(upload, 0)
  await open('whole', 10)
  await seal('whole')
  await queue.close(shuttingDown())
  const next = newProcess()
  const started = vi.spyOn(next.queue, 'start')
  gateway.beforeFinish = async () => {}

  await next.transfers.resume()
  await vi.advanceTimersByTimeAsync(0)

  expect(started.mock.calls.map(([{ key }]) => key)).toEqual(['whole', 'arriving'])
  expect(finish).toHaveBeenCalledTimes(2)
  expect([gateway.posted.length, gateway.earlyParts]).toEqual([1, [0]])
})

test.each<[string, (harness: Harness) => Promise<unknown>]>([
  ['a part of another file', ({ open }) => open('a', 10, { concat: 'partial' })],
  [
    'an upload that was cancelled before its job began',
    async ({ open, ledger }) => {
      await open('a', 10)
      const cancelled = { reason: CANCELLED, percent: 0, now: NOW }
      ledger.before('stream', () => ledger.cancelUpload('a', cancelled, REMEMBERED_CANCELLATIONS))
    },
  ],
  [
    'an upload that was forgotten before its job began',
    async ({ open, ledger }) => {
      await open('a', 10)
      ledger.before('stream', () => ledger.deleteUpload('a'))
    },
  ],
])('%s is sent by no job', async (_name, prepare) => {
  const harness = start()
  await prepare(harness)

  await harness.seal('a')

  expect(harness.finish).not.toHaveBeenCalled()
  expect(harness.stages()).toEqual([])
  expect(harness.log.entries).toEqual([])
})

test('an upload that is sealed again is posted once', async () => {
  const { open, seal, gateway, transfers, finish } = start()
  const release = hang(gateway)
  const { upload } = await open('a', 10)
  await seal('a')

  transfers.sealed({ ...upload, state: 'sealed' })
  release()
  await vi.advanceTimersByTimeAsync(MINUTE)

  expect([gateway.posted.length, finish.mock.calls.length]).toEqual([1, 1])
})

test('listeners hear of the seal, the waits and the end of an upload that began to arrive', async () => {
  const { open, arrive, seal, finish, progress } = start({ early: true })
  await open('a', 2 * CHUNK)
  await arrive('a', 0)
  const phases: (string | undefined)[] = []
  progress.subscribe({ uploadId: 'a' }, (state) => phases.push(state?.phase))
  finish.mockRejectedValueOnce(floodOf(40))

  await seal('a')
  expect(phases).toEqual(['sending', 'queued', 'waiting'])
  await vi.advanceTimersByTimeAsync(40_000)

  expect(phases.at(-1)).toBe('completed')
})

test('an upload that is sealed by the time its job reads the ledger is posted', async () => {
  const { open, put, arrive, ledger, gateway } = start({ early: true })
  const { upload } = await open('a', 2 * CHUNK)
  ledger.before('stream', async () => {
    await put(upload, 1)
    await ledger.sealUpload('a', NOW)
  })

  await arrive('a', 0)

  expect(gateway.posted).toHaveLength(1)
})

test('idle resolves with the end of all whole uploads, while others still arrive', async () => {
  const { open, arrive, seal, gateway, transfers } = start({ early: true, concurrency: 2 })
  const release = hang(gateway)
  await open('arriving', 2 * CHUNK)
  await arrive('arriving', 0)
  await open('whole', 10)
  await seal('whole')
  const idle = vi.fn()
  void transfers.idle().then(idle)

  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(idle).not.toHaveBeenCalled()
  release()
  await vi.advanceTimersByTimeAsync(0)

  expect(idle).toHaveBeenCalledTimes(1)
})

/** Holds each post until the returned function is called, or its job is stopped. */
function hang(gateway: Harness['gateway']): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  gateway.beforeFinish = ({ signal }) => untilAborted(promise, signal)
  return resolve
}

type Harness = ReturnType<typeof start>

test.each([new AppError('LEASE_LOST', 'lost'), new AccountElsewhere('http://10.0.0.7:8080')])(
  "a job whose account is another node's by now ends without a word: $name",
  async (error) => {
    const { open, seal, gateway, finish, queue, ledger, metrics, log } = start()
    await open('a', 10)
    gateway.beforeFinish = async () => {
      throw error
    }

    await seal('a')

    expect(finish).toHaveBeenCalledTimes(1)
    expect(queue.has('a')).toBe(false)
    expect(await ledger.findUpload('a')).toMatchObject({ state: 'sealed' })
    expect(metrics.ended).not.toHaveBeenCalled()
    expect(log.entries.filter(({ level }) => level === 'error')).toEqual([])
  },
)

test('a job hears of chunks, and of the seal, that its process did not see', async () => {
  const { open, put, gateway, ledger, transfers } = start()
  const { upload, bytes } = await open('a', 2 * CHUNK)
  await put({ id: 'a' }, 0)
  transfers.carry(upload)
  await vi.advanceTimersByTimeAsync(0)
  expect([transfers.knownChunks('a'), transfers.knowsSeal('a')]).toEqual([1, false])

  await put({ id: 'a' }, 1)
  await ledger.sealUpload('a', NOW)
  await transfers.reload('a')
  expect([transfers.knownChunks('a'), transfers.knowsSeal('a')]).toEqual([2, true])
  await vi.advanceTimersByTimeAsync(0)

  expect(gateway.posted).toMatchObject([{ bytes }])
})

test('a wait that is too long for a job is told before it begins', async () => {
  const onWait = vi.fn()
  const { open, seal, gateway } = start({ onWait })
  const { upload } = await open('a', 10)
  gateway.beforeFinish = async () => {
    throw floodOf(90)
  }

  await seal('a')

  expect(onWait).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: upload.id }), 90_000)
})

interface StartOptions
  extends Partial<
    Pick<TransfersOptions, 'webhooks' | 'attempts' | 'maxDurationMs' | 'namesInCaptions' | 'onWait'>
  > {
  concurrency?: number
  /** Whether parts go before the upload is sealed. */
  early?: boolean
}

interface OpenOptions {
  owner?: string
  concat?: string
  token?: string | null
}

function digestsOf(bytes: Uint8Array): Digests {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { sha256, crc32: crc32(bytes).toString(16).padStart(8, '0') }
}

function start({ early = false, concurrency = 1, ...changes }: StartOptions = {}) {
  const ledger = createMemoryLedger()
  const spool = createMemorySpool()
  const log = createRecordingLog()
  const gateway = createFakeGateway()
  gateway.early = early
  const finish = vi.spyOn(gateway, 'finish')
  const credentials = { forRunningUpload: vi.fn(async () => ANN) }
  const progress = createProgressBoard()
  const onWebhook = vi.fn()
  const metrics = { ended: vi.fn() }
  const files = new Map<string, Buffer>()

  function newProcess() {
    const onError = (_key: string, error: unknown): never => {
      throw error
    }
    const queue = createJobQueue({ concurrency, onError })
    const peers = { ledger, spool, gateway, credentials, progress, queue, onWebhook, metrics, log }
    const limits = { webhooks: true, attempts: 3, maxDurationMs: 360 * MINUTE, now: Date.now }
    const placing = {
      folderOf: async () => null,
      onDeletion: () => {},
      onVolumesPosted: () => {},
      onCleanup: () => {},
    }
    const defaults = {
      ...{ ...limits, ...placing, namesInCaptions: true, native: true },
      verify: 'sample' as const,
      partsNotedMs: 250,
    }
    return { queue, transfers: createTransfers({ ...peers, ...defaults, ...changes }) }
  }
  const { queue, transfers } = newProcess()

  async function open(id: string, size: number, options: OpenOptions = {}) {
    const { owner = 'ann', concat, token = 'token' } = options
    const bytes = randomBytes(size)
    const totalChunks = Math.ceil(size / CHUNK)
    const fields = { id, owner, fileName: `${id}.bin`, size, totalChunks, modifiedAt: NOW }
    const upload = makeUpload({ ...fields, createdAt: NOW, touchedAt: NOW })
    const stream = concat === undefined ? null : { metadata: null, concat }
    await insertUpload(ledger, upload, token ?? '', stream)
    if (token === null) vi.spyOn(ledger, 'uploadToken').mockResolvedValue(null)
    files.set(id, bytes)
    return { bytes, upload }
  }

  async function put({ id }: Pick<Upload, 'id'>, index: number): Promise<void> {
    const bytes = files.get(id) ?? Buffer.alloc(0)
    const piece = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
    const { size, digest } = await claim(spool, id, index, pieces(piece, CHUNK))
    const chunkSize = Math.min(CHUNK, bytes.length)
    await ledger.acceptChunk(
      id,
      { index, size, digest },
      { chunkSize, token: null, now: Date.now() },
    )
  }

  async function rowOf(id: string): Promise<Upload> {
    const upload = await ledger.findUpload(id)
    if (!upload) throw new Error(`there is no upload ${id}`)
    return upload
  }

  return {
    ...{ ledger, spool, log, gateway, finish, credentials, progress, queue },
    ...{ transfers, onWebhook, metrics },
    newProcess,
    /** A receiving upload whose bytes are still to come. */
    open,
    /** A chunk is on the disk and in the ledger, and no job has heard of it. */
    put,
    /** A chunk is acknowledged; resolves when what it sets off stands still. */
    arrive: async (id: string, index: number): Promise<void> => {
      await put({ id }, index)
      transfers.chunkArrived(await rowOf(id), index)
      await vi.advanceTimersByTimeAsync(0)
    },
    /** The upload is sealed with all its chunks; resolves when what it sets off stands still. */
    seal: async (id: string): Promise<void> => {
      const { totalChunks } = await rowOf(id)
      const here = new Set((await ledger.chunks(id)).map(({ index }) => index))
      for (let index = 0; index < totalChunks; index++) {
        if (!here.has(index)) await put({ id }, index)
      }
      const sealing = await ledger.sealUpload(id, Date.now())
      if (sealing.kind !== 'sealed') throw new Error(`the upload is ${sealing.kind}`)
      transfers.sealed(sealing.upload)
      await vi.advanceTimersByTimeAsync(0)
    },
    stages: () => [...queue.stages().values()],
    progressOf: async (id: string): Promise<Progress> => progress.of(await rowOf(id)),
  }
}
