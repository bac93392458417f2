import { expect, onTestFinished, test, vi } from 'vitest'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { recordProgress } from '../../../src/core/progress/recorded-progress.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { makeUpload } from '../../helpers/upload.ts'

const upload = makeUpload({ state: 'sealed', size: 1000 })

test('each whole percent is kept once, and only where progress is higher', () => {
  const { board, saved } = start()

  for (const acceptedBytes of [0, 500, 501, 400, 517, 900]) {
    board.report(upload, { phase: 'sending', acceptedBytes })
  }

  expect(saved).toEqual([30, 60, 61, 84])
})

test('where rows are dear, one is written a second at the most', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const { board, saved } = start(undefined, 1_000)

  for (const acceptedBytes of [100, 200, 300, 400]) {
    board.report(upload, { phase: 'sending', acceptedBytes })
    vi.advanceTimersByTime(400)
  }

  expect(saved).toEqual([36, 54])
})

test('each tenth of the way is one line in the log, with the upload on it', () => {
  const { board, log } = start()

  for (let acceptedBytes = 0; acceptedBytes <= 1000; acceptedBytes += 10) {
    board.report(upload, { phase: 'sending', acceptedBytes })
  }
  board.report(upload, { phase: 'posting' })

  expect(log.entries.map((entry) => entry.message)).toEqual([
    'Upload progress: 30%',
    'Upload progress: 40%',
    'Upload progress: 50%',
    'Upload progress: 60%',
    'Upload progress: 70%',
    'Upload progress: 80%',
    'Upload progress: 90%',
  ])
  expect(log.entries[0]?.fields).toMatchObject({ uploadId: upload.id, phase: 'sending' })
})

test('a disk that takes no row holds no transfer up', () => {
  const { board } = start(() => Promise.reject(new Error('disk full')))

  board.report(upload, { phase: 'posting' })

  expect(board.of(upload).progress).toBe(92)
})

test('what was kept is where an upload goes on after a restart, and where a failure leaves it', () => {
  const board = createProgressBoard()
  const kept = { ...upload, lastPercent: 84 }
  expect(board.of(kept).progress).toBe(84)

  board.report(kept, { phase: 'queued' })
  board.report(kept, { phase: 'sending', acceptedBytes: 0 })
  expect(board.of(kept).progress).toBe(84)

  expect(board.of({ ...kept, state: 'failed', reason: 'No' })).toMatchObject({ progress: 84 })
})

test('an upload that failed for a flood wait says how long is left of it', () => {
  let now = 1_000
  const board = createProgressBoard(() => now)
  const failed = { ...upload, state: 'failed', reason: 'No', retryAt: 61_000 } as const

  expect(board.of(failed)).toMatchObject({ status: 'failed', retryAfter: 60 })
  now = 61_000
  expect(board.of(failed).retryAfter).toBeNull()
})

function start(save?: () => Promise<number | null>, everyMs = 0) {
  const saved: number[] = []
  const ledger = {
    savePercent:
      save ??
      (async (_id: string, percent: number) => {
        saved.push(percent)
        return percent
      }),
  }
  const log = createRecordingLog()
  const board = recordProgress(createProgressBoard(), { ledger, everyMs, log })
  return { board, saved, log }
}
