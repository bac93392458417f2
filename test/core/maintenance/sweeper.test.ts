import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createSweeper, type SweeperOptions } from '../../../src/core/maintenance/sweeper.ts'
import { wholeUploadId } from '../../../src/core/model/upload.ts'
import type { Opening } from '../../../src/core/ports/ledger.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import { claim, pieces } from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { failure, makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const HOUR = 3_600_000

test('an upload without progress for its time is ended, one with progress is not', async () => {
  const { sweeper, add, begin, expire } = makeSweeper()
  for (const [id, at] of [['stalled', NOW - HOUR] as const, ['moving', NOW - HOUR + 1] as const]) {
    await add(id)
    await begin(id, at)
  }

  expect(await sweeper.run()).toMatchObject({ expired: 1, failures: 0 })

  expect(expire.mock.calls).toEqual([['stalled', NOW - HOUR]])
})

test('an upload that somebody works on, or that is sealed, never expires', async () => {
  const { sweeper, add, begin, ledger, expire, spool } = makeSweeper({
    isActive: (id) => id === 'busy',
  })
  await add('busy', { touchedAt: NOW - 9 * HOUR })
  await add('sealed', { touchedAt: NOW - 9 * HOUR, totalChunks: 1 })
  await begin('sealed', NOW - 9 * HOUR)
  await ledger.sealUpload('sealed', NOW - 9 * HOUR)

  expect(await sweeper.run()).toMatchObject({ expired: 0, folders: 0 })

  expect(expire).not.toHaveBeenCalled()
  expect(await spool.uploadIds()).toEqual(['busy', 'sealed'])
})

test('an upload without a byte is kept for ten minutes, with one for its whole time', async () => {
  const { sweeper, add, begin, spool, expire } = makeSweeper({ sessionTtlMs: 24 * HOUR })
  const unbegun = { createdAt: NOW - HOUR, touchedAt: NOW - HOUR }
  const young = { createdAt: NOW - HOUR, touchedAt: NOW - HOUR / 6 + 1 }
  await add('without its only chunk for a while', young)
  const words = { metadata: null, concat: null }
  await add('an empty part', { ...unbegun, size: 0, totalChunks: 0 }, words)
  await add('with one chunk', unbegun)
  await begin('with one chunk', NOW - HOUR)
  await add('never begun', unbegun, words)
  await add('killed in its first chunk', unbegun, words)
  await add('in chunks', unbegun)
  const first = { upload: spoolUpload('killed in its first chunk'), index: 0 }
  const { signal } = new AbortController()
  await spool.append(first, pieces(randomBytes(10), 10), { targetBytes: 1_000, signal })

  await sweeper.run()

  expect(expire.mock.calls.map(([id]) => id)).toEqual(['never begun', 'in chunks'])
})

test('an upload that lives on by a byte now and then ends after seven days', async () => {
  const { sweeper, add, begin, expire } = makeSweeper()
  await add('trickle', { createdAt: NOW - 7 * 24 * HOUR })
  await add('long', { createdAt: NOW - 7 * 24 * HOUR + 1 })
  for (const id of ['trickle', 'long']) await begin(id, NOW)

  await sweeper.run()

  expect(expire.mock.calls.map(([id]) => id)).toEqual(['trickle'])
})

test('a clock that was set back does not keep an upload for ever', async () => {
  const clock = { now: NOW }
  const { sweeper, add, expire } = makeSweeper({ now: () => clock.now })
  await add('from the future', { touchedAt: NOW + 1000 * HOUR })

  await sweeper.run()
  expect(expire).not.toHaveBeenCalled()
  clock.now += HOUR
  await sweeper.run()

  expect(expire).toHaveBeenCalledWith('from the future', expect.any(Number))
})

test('a finished upload is readable for an hour, then forgotten', async () => {
  const { sweeper, add, ledger } = makeSweeper()
  const result = { messageId: 1, fileId: 'f', digests: null }
  for (const id of ['old-done', 'old-failed', 'young']) await add(id)
  await ledger.completeUpload('old-done', { result, webhook: null, library: null, now: NOW - HOUR })
  await ledger.failUpload('old-failed', failure('No', NOW - HOUR - 1))
  await ledger.completeUpload('young', {
    result,
    webhook: null,
    library: null,
    now: NOW - HOUR + 1,
  })

  expect(await sweeper.run()).toMatchObject({ forgotten: 2 })

  expect(await ledger.findUpload('old-done')).toBeNull()
  expect(await ledger.findUpload('old-failed')).toBeNull()
  expect((await ledger.findUpload('young'))?.state).toBe('completed')
})

test('folders go unless an unfinished upload owns them', async () => {
  const { sweeper, add, ledger, spool } = makeSweeper()
  for (const id of ['receiving', 'sealed', 'completed', 'failed']) await add(id)
  await ledger.sealUpload('sealed', NOW)
  await ledger.completeUpload('completed', {
    result: { messageId: 1, fileId: 'f', digests: null },
    webhook: null,
    library: null,
    now: NOW,
  })
  await ledger.failUpload('failed', failure('No', NOW))
  await claim(spool, 'orphan', 0, pieces(randomBytes(10), 10))

  expect(await sweeper.run()).toMatchObject({ folders: 3, failures: 0 })

  expect(await spool.uploadIds()).toEqual(['receiving', 'sealed'])
})

test('an upload that made progress while the sweeper waited for its lock lives on', async () => {
  const harness = makeSweeper({
    exclusively: async (id, work) => {
      await harness.ledger.touchUpload(id, NOW)
      return work()
    },
  })
  await harness.add('moving again', { touchedAt: 0 })

  expect(await harness.sweeper.run()).toMatchObject({ expired: 0, failures: 0 })

  expect(harness.expire).not.toHaveBeenCalled()
})

test('an upload that took the id of a finished one while the sweeper waited for the lock lives on', async () => {
  const harness = makeSweeper({
    exclusively: async (id, work) => {
      await harness.ledger.deleteUpload(id)
      await insertUpload(harness.ledger, makeUpload({ id, touchedAt: NOW }), 'token')
      return work()
    },
  })
  await harness.add('again')
  await harness.ledger.failUpload('again', failure('No', NOW - HOUR))

  expect(await harness.sweeper.run()).toMatchObject({ forgotten: 0 })

  expect((await harness.ledger.findUpload('again'))?.state).toBe('receiving')
})

test('a folder is removed under the lock of its upload, after a last look', async () => {
  const harness = makeSweeper({
    exclusively: async (id, work) => {
      // Somebody opened an upload under that id while the sweeper waited for the lock.
      await insertUpload(harness.ledger, makeUpload({ id, touchedAt: NOW }), 'token')
      return work()
    },
  })
  await claim(harness.spool, 'again', 0, pieces(randomBytes(10), 10))

  expect(await harness.sweeper.run()).toMatchObject({ folders: 0 })

  expect(await harness.spool.uploadIds()).toEqual(['again'])
})

test('a step that fails is logged, counted, and keeps no other step from its work', async () => {
  const expire = vi.fn(async (id: string) => {
    if (id === 'a') throw new Error('stuck')
    return true
  })
  const { sweeper, add, spool, log } = makeSweeper({ expire })
  await add('a', { touchedAt: 0 })
  await add('b', { touchedAt: 0 })
  await claim(spool, 'orphan', 0, pieces(randomBytes(10), 10))

  expect(await sweeper.run()).toMatchObject({ expired: 1, forgotten: 0, folders: 1, failures: 1 })

  expect(expire).toHaveBeenCalledTimes(2)
  expect(log.entries).toMatchObject([{ level: 'warn', message: 'a step of the sweep failed' }])
})

test('it sweeps at its interval, one sweep at a time, until it is stopped', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const gate = Promise.withResolvers<boolean>()
  const expire = vi.fn(() => gate.promise)
  const { sweeper, add } = makeSweeper({ expire })
  await add('stalled', { touchedAt: 0 })

  sweeper.start(1000)
  await vi.advanceTimersByTimeAsync(5000)
  expect(expire).toHaveBeenCalledOnce()

  const stopped = vi.fn()
  const stopping = sweeper.stop().then(stopped)
  await vi.advanceTimersByTimeAsync(5000)
  expect(stopped).not.toHaveBeenCalled()
  gate.resolve(true)
  await stopping
  await vi.advanceTimersByTimeAsync(5000)
  expect(expire).toHaveBeenCalledOnce()
})

test("every sweep moves the ledger's log into its file, but not the one of a start", async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { ledger } = makeSweeper()
  const checkpoint = vi.fn(ledger.checkpoint)
  const { sweeper } = makeSweeper({ ledger: { ...ledger, checkpoint } })
  onTestFinished(sweeper.stop)

  sweeper.start(1000)
  await vi.advanceTimersByTimeAsync(900)
  expect(checkpoint).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(200)
  expect(checkpoint).toHaveBeenCalledOnce()
})

test('what is left of a file that came in one request does not keep its place for a day', async () => {
  const { sweeper, add, begin, expire } = makeSweeper({ sessionTtlMs: 24 * HOUR })
  const [dead, alive] = [1, 2].map((n) => wholeUploadId(`176270000000${n}_${'x'.repeat(22)}`))
  for (const [id = '', at] of [[dead, NOW - HOUR] as const, [alive, NOW - 60_000] as const]) {
    await add(id, { size: 10, totalChunks: 1, createdAt: at })
    await begin(id, at)
  }

  await sweeper.run()

  expect(expire.mock.calls).toEqual([[dead, NOW - HOUR]])
})

test('in a cluster one node at a time ends what is over, and each keeps alive what it works on', async () => {
  const cluster = {
    isMyTurn: vi.fn(async () => false),
    removeStrays: vi.fn(async () => 3),
    resumeStreams: vi.fn(async () => {}),
  }
  const { sweeper, add, begin, ledger, expire } = makeSweeper({
    cluster,
    folders: null,
    isActive: (id) => id === 'waits here',
  })
  await add('stalled')
  await begin('stalled', NOW - HOUR)
  await add('waits here')
  await begin('waits here', NOW - HOUR)
  await add('failed')
  await ledger.failUpload('failed', failure('No', NOW - HOUR))

  expect(await sweeper.run()).toMatchObject({ expired: 0, forgotten: 0, strays: 0, failures: 0 })
  expect(await ledger.findUpload('waits here')).toMatchObject({ touchedAt: NOW })
  expect(await ledger.findUpload('stalled')).toMatchObject({ touchedAt: NOW - HOUR })
  expect(cluster.removeStrays).not.toHaveBeenCalled()
  expect(cluster.resumeStreams).not.toHaveBeenCalled()

  cluster.isMyTurn.mockResolvedValue(true)
  expect(await sweeper.run()).toMatchObject({ expired: 1, forgotten: 1, strays: 3, failures: 0 })
  expect(expire.mock.calls).toEqual([['stalled', NOW - HOUR]])
  expect(cluster.resumeStreams).toHaveBeenCalledOnce()
})

test('what no row names is looked for once an hour, and again soon where the look has failed', async () => {
  let now = NOW
  const removeStrays = vi.fn<() => Promise<number>>().mockRejectedValueOnce(new Error('no store'))
  removeStrays.mockResolvedValue(0)
  const { sweeper } = makeSweeper({
    cluster: { isMyTurn: async () => true, removeStrays, resumeStreams },
    now: () => now,
  })

  expect(await sweeper.run()).toMatchObject({ failures: 1 })
  for (const calls of [2, 2, 3]) {
    expect(await sweeper.run()).toMatchObject({ failures: 0 })
    expect(removeStrays).toHaveBeenCalledTimes(calls)
    now += HOUR / 2
  }
})

test('a sweep of what no row names ends with the worker', async () => {
  const begun = Promise.withResolvers<void>()
  const removeStrays = vi.fn((signal: AbortSignal) => {
    begun.resolve()
    return new Promise<number>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  })
  const cluster = { isMyTurn: async () => true, removeStrays, resumeStreams }
  const { sweeper } = makeSweeper({ cluster })

  sweeper.start(HOUR)
  await begun.promise
  await sweeper.stop()
})

const resumeStreams = async (): Promise<void> => {}

function makeSweeper(options: Partial<SweeperOptions> = {}) {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  onTestFinished(ledger.close)
  const spool = createMemorySpool()
  const expire = vi.fn(async (_id: string, _touchedAt: number) => true)
  const sweeper = createSweeper({
    ledger,
    spool,
    folders: spool,
    cluster: null,
    sessionTtlMs: HOUR,
    now: () => NOW,
    isActive: () => false,
    expire,
    log,
    ...options,
  })
  async function add(id: string, fields = {}, stream: Opening['stream'] = null): Promise<void> {
    await insertUpload(ledger, makeUpload({ id, touchedAt: NOW, ...fields }), 'token', stream)
    await claim(spool, id, 0, pieces(randomBytes(10), 10))
  }
  async function begin(id: string, at: number): Promise<void> {
    await ledger.acceptChunk(
      id,
      { index: 0, size: 10, digest: 'ab'.repeat(32) },
      { chunkSize: null, token: null, now: at },
    )
  }
  return { sweeper, ledger, spool, expire, log, add, begin }
}
