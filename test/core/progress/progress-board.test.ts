import { expect, test } from 'vitest'
import { newCaptionId } from '../../../src/core/model/caption.ts'
import { openUpload } from '../../../src/core/model/upload.ts'
import type { Upload } from '../../../src/core/ports/records.ts'
import { createProgressBoard, whenEnded } from '../../../src/core/progress/progress-board.ts'

const placed = { folder: [], folderId: null, givenName: null, replaces: null }
const about = { fileName: 'a', mimeType: 'text/plain', modifiedAt: null, ...placed }
const described = { id: 'a', owner: 'ann', captionId: newCaptionId(), ...about }
const receiving = openUpload({ ...described, size: 1000, totalChunks: 1 }, 0)
const sealed: Upload = { ...receiving, state: 'sealed' }

test('the bar goes through its phases and never back', () => {
  const board = createProgressBoard()
  const seen = [board.of(receiving).progress]
  const events = [
    { phase: 'queued' },
    { phase: 'connecting' },
    { phase: 'resolving' },
    { phase: 'sending', acceptedBytes: 500 },
    { phase: 'sending', acceptedBytes: 100 },
    { phase: 'sending', acceptedBytes: 1000 },
    { phase: 'posting' },
    { phase: 'connecting' },
  ] as const

  for (const event of events) {
    board.report(sealed, event)
    seen.push(board.of(sealed).progress)
  }

  expect(seen).toEqual([0, 5, 10, 20, 60, 60, 90, 92, 92])
})

test('who stops listening twice does not end those who came in between', () => {
  const board = createProgressBoard()
  const stop = board.subscribe({ owner: 'ann' }, () => {})
  stop()
  const heard: (string | undefined)[] = []
  board.subscribe({ owner: 'ann' }, (progress) => heard.push(progress?.phase))

  stop()
  board.report(sealed, { phase: 'queued' })

  expect(heard).toEqual(['queued'])
})

test('a wait is shown to its end, whatever still comes in', () => {
  let now = 0
  const board = createProgressBoard(() => now)
  board.report(sealed, { phase: 'waiting', retryAfter: 3 })
  board.report(sealed, { phase: 'sending', acceptedBytes: 500 })

  now = 1500
  expect(board.of(sealed)).toMatchObject({ phase: 'waiting', retryAfter: 2, progress: 60 })
  now = 3000
  expect(board.of(sealed)).toMatchObject({ phase: 'sending', retryAfter: null })
})

test('a wait that began while the file still came is shown once the file is whole', () => {
  let now = 0
  const board = createProgressBoard(() => now)
  const heard: unknown[] = []
  board.subscribe({ uploadId: 'a' }, (progress) =>
    heard.push([progress?.phase, progress?.retryAfter]),
  )
  board.report(receiving, { phase: 'sending', acceptedBytes: 500 })
  board.report(receiving, { phase: 'waiting', retryAfter: 8 })
  expect(board.of(receiving)).toMatchObject({ phase: 'sending', retryAfter: null })

  now = 2_000
  board.refresh(sealed)

  expect(board.of(sealed)).toMatchObject({ phase: 'waiting', retryAfter: 6, progress: 60 })
  now = 8_000
  board.report(sealed, { phase: 'sending', acceptedBytes: 500 })
  expect(heard).toEqual([
    ['sending', null],
    ['sending', null],
    ['waiting', 6],
    ['sending', null],
  ])
})

test('a file that has only waited so far is queued again afterwards', () => {
  let now = 0
  const board = createProgressBoard(() => now)
  board.report(sealed, { phase: 'waiting', retryAfter: 3 })
  expect(board.of(sealed)).toMatchObject({ phase: 'waiting', retryAfter: 3 })

  now = 3_000
  expect(board.of(sealed)).toMatchObject({ phase: 'queued', retryAfter: null })
})

test('listeners hear every change, the end, and that it is gone', () => {
  const board = createProgressBoard()
  const heard: unknown[] = []
  const stop = board.subscribe({ uploadId: 'a' }, (progress) => heard.push(progress?.phase ?? null))

  board.report(sealed, { phase: 'posting' })
  board.finish({
    ...sealed,
    state: 'completed',
    result: { messageId: 7, fileId: 'f', digests: null },
  })
  board.forget(receiving)
  stop()
  board.report(sealed, { phase: 'queued' })

  expect(heard).toEqual(['posting', 'completed', null])
})

test('an end that comes while the row is looked at is not missed', async () => {
  const board = createProgressBoard()
  const looked = Promise.withResolvers<Upload>()
  const { signal } = new AbortController()
  const ended = whenEnded(board, sealed.id, () => looked.promise, signal)

  board.finish({
    ...sealed,
    state: 'completed',
    result: { messageId: 7, fileId: 'f', digests: null },
  })
  looked.resolve(sealed)

  await expect(ended).resolves.toMatchObject({ status: 'completed', messageId: 7 })
})

test('an upload that is forgotten while its end is waited for does not exist, and was not cancelled', async () => {
  const board = createProgressBoard()
  const { signal } = new AbortController()
  const ended = whenEnded(board, receiving.id, async () => receiving, signal)

  board.forget(receiving)

  await expect(ended).rejects.toMatchObject({
    code: 'UPLOAD_NOT_FOUND',
    message: 'The upload does not exist any more',
  })
})
