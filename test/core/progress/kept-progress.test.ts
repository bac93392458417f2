import { expect, test } from 'vitest'
import { keepProgress } from '../../../src/core/progress/kept-progress.ts'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { makeUpload } from '../../helpers/upload.ts'

const upload = makeUpload({ state: 'sealed', size: 1000 })

test('each whole percent is kept once, and only where progress has grown', () => {
  const { board, saved } = start()

  for (const acceptedBytes of [0, 500, 501, 400, 517, 900]) {
    board.report(upload, { phase: 'sending', acceptedBytes })
  }

  expect(saved).toEqual([30, 60, 61, 84])
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

function start(save?: () => Promise<void>) {
  const saved: number[] = []
  const ledger = {
    savePercent:
      save ?? (async (_id: string, percent: number): Promise<void> => void saved.push(percent)),
  }
  const board = keepProgress(createProgressBoard(), { ledger, log: createRecordingLog() })
  return { board, saved }
}
