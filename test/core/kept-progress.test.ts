import { expect, test } from 'vitest'
import { keepProgress } from '../../src/core/kept-progress.ts'
import { createProgressBoard } from '../../src/core/progress.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { makeUpload } from '../helpers/upload.ts'

const upload = makeUpload({ state: 'sealed', size: 1000 })

test('progress is kept at most once a second, and only where it has grown', () => {
  const { board, saved, at } = start()

  for (const [ms, acceptedBytes] of [
    [1_000, 0],
    [1_500, 500],
    [2_000, 500],
    [9_000, 500],
    [9_100, 900],
  ] as const) {
    at(ms)
    board.report(upload, { phase: 'sending', acceptedBytes })
  }

  expect(saved).toEqual([30, 60, 84])
})

test('a disk that takes no row holds no transfer up', () => {
  const { board, at } = start(() => {
    throw new Error('disk full')
  })
  at(1_000)

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

function start(save?: () => void) {
  const saved: number[] = []
  let now = 0
  const ledger = {
    savePercent: save ?? ((_id: string, percent: number) => void saved.push(percent)),
  }
  const clock = () => now
  const board = keepProgress(createProgressBoard(clock), {
    ledger,
    now: clock,
    log: createRecordingLog(),
  })
  return {
    board,
    saved,
    at: (ms: number) => {
      now = ms
    },
  }
}
