import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newCaptionId } from '../../../src/core/model/caption.ts'
import { openUpload } from '../../../src/core/model/upload.ts'
import type { Upload } from '../../../src/core/ports/records.ts'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { createProgressFeed, skipTold } from '../../../src/core/progress/progress-feed.ts'

const placed = { folder: [], folderId: null, givenName: null, replaces: null }
const described = { fileName: 'a', mimeType: 'text/plain', modifiedAt: null, ...placed }
const about = { ...described, size: 1000, totalChunks: 1, captionId: newCaptionId() }
const uploadOf = (id: string, owner: string): Upload => ({
  ...openUpload({ ...about, id, owner }, 0),
  state: 'sealed',
})
const mine = uploadOf('a', 'ann')

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What the feed passes on, as it comes, until the signal ends it. */
function collect(board: ReturnType<typeof createProgressBoard>) {
  const controller = new AbortController()
  const feed = createProgressFeed(board, { owner: 'ann' }, { signal: controller.signal })
  const seen: string[] = []
  const ended = (async () => {
    for await (const { uploadId, progress } of feed) {
      seen.push(`${uploadId} ${progress ? `${progress.phase} ${progress.progress}` : 'gone'}`)
    }
  })().catch(() => 'ended')
  return { seen, stop: () => controller.abort(new Error('stop')), ended }
}

test('of many changes within a quarter of a second the newest is passed on', async () => {
  const board = createProgressBoard()
  const { seen, stop, ended } = collect(board)

  for (let bytes = 10; bytes <= 500; bytes += 10) {
    board.report(mine, { phase: 'sending', acceptedBytes: bytes })
    await vi.advanceTimersByTimeAsync(1)
  }
  await vi.advanceTimersByTimeAsync(300)
  stop()

  expect(seen).toEqual(['a sending 30', 'a sending 60'])
  expect(await ended).toBe('ended')
})

test('a feed that is returned listens no more, although nobody has read it', async () => {
  const { board, listening } = countListeners()
  const feed = createProgressFeed(board, { owner: 'ann' }, { signal: new AbortController().signal })
  expect(listening.size).toBe(1)

  await feed.return(undefined as never)

  expect(listening.size).toBe(0)
})

test('a feed for somebody who has left already does not listen', () => {
  const { board, listening } = countListeners()

  createProgressFeed(board, { owner: 'ann' }, { signal: AbortSignal.abort() })

  expect(listening.size).toBe(0)
})

test('a change of phase is passed on at once', async () => {
  const board = createProgressBoard()
  const { seen, stop } = collect(board)

  for (const phase of ['queued', 'connecting', 'resolving', 'posting'] as const) {
    board.report(mine, { phase })
    await vi.advanceTimersByTimeAsync(1)
  }
  board.finish({
    ...mine,
    state: 'completed',
    result: { messageId: 1, fileId: 'f', digests: null },
  })
  await vi.advanceTimersByTimeAsync(1)
  board.forget(mine)
  await vi.advanceTimersByTimeAsync(1)
  stop()

  expect(seen).toEqual([
    'a queued 5',
    'a connecting 10',
    'a resolving 20',
    'a posting 92',
    'a completed 100',
    'a gone',
  ])
})

test('uploads of others are not heard of, and those of one user do not hold each other up', async () => {
  const board = createProgressBoard()
  const { seen, stop } = collect(board)

  board.report(mine, { phase: 'queued' })
  board.report(uploadOf('b', 'ann'), { phase: 'queued' })
  board.report(uploadOf('c', 'bob'), { phase: 'queued' })
  await vi.advanceTimersByTimeAsync(1)
  stop()

  expect(seen).toEqual(['a queued 5', 'b queued 5'])
})

test('a consumer that does not take keeps one change of each upload waiting', async () => {
  const board = createProgressBoard()
  const { signal } = new AbortController()
  const feed = createProgressFeed(board, { owner: 'ann' }, { signal })

  for (let bytes = 1; bytes <= 1000; bytes++) {
    board.report(mine, { phase: 'sending', acceptedBytes: bytes })
  }

  expect((await feed.next()).value).toMatchObject({ progress: { progress: 90 } })
  board.forget(mine)
  expect((await feed.next()).value).toEqual({ uploadId: 'a', progress: null })
})

/** A board, and who listens to it. */
function countListeners() {
  const board = createProgressBoard()
  const listening = new Set<symbol>()
  const subscribe: typeof board.subscribe = (subject, listener) => {
    const unsubscribe = board.subscribe(subject, listener)
    const key = Symbol('listener')
    listening.add(key)
    return () => {
      listening.delete(key)
      unsubscribe()
    }
  }
  return { board: { subscribe }, listening }
}

test('what was told at the start is told again only when something has changed since', async () => {
  const board = createProgressBoard()
  const { signal } = new AbortController()
  const feed = createProgressFeed(board, { owner: 'ann' }, { signal, everyMs: 0 })
  const changes = skipTold(feed, [board.of(mine)])
  const next = changes.next()

  board.refresh(mine)
  await vi.advanceTimersByTimeAsync(1)
  board.report(mine, { phase: 'sending', acceptedBytes: 500 })

  expect((await next).value).toMatchObject({ progress: { progress: 60 } })
  const second = changes.next()
  board.refresh(mine)
  expect((await second).value).toMatchObject({ progress: { progress: 60 } })
})
