import { expect, test } from 'vitest'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { keepBeforeTold } from '../../../src/core/progress/told-progress.ts'
import { AppError } from '../../../src/errors.ts'
import { makeUpload } from '../../helpers/upload.ts'

const half = { phase: 'sending', acceptedBytes: 500 } as const
const upload = makeUpload({ state: 'sealed', size: 1_000 })

/** `row`: the percent that the ledger has. */
function create({ fails = false, row = 0 } = {}) {
  const board = createProgressBoard()
  const saved: number[] = []
  const told = keepBeforeTold(board, {
    savePercent: async (_id, percent) => {
      if (fails) throw new AppError('SPOOL_FAILED', 'no database')
      saved.push(percent)
      return Math.max(row, percent)
    },
  })
  return { board, saved, ...told }
}

test('what a caller is told is kept first, and once', async () => {
  const { board, saved, read } = create()
  board.report(upload, half)

  expect(await read(upload)).toMatchObject({ phase: 'sending', progress: 60 })
  expect(await read({ ...upload, lastPercent: 60 })).toMatchObject({ progress: 60 })

  expect(saved).toEqual([60])
})

test('a caller is told no less than the row has, whatever runs here', async () => {
  const { board, read } = create({ row: 75 })
  board.report(upload, half)

  expect(await read(upload)).toMatchObject({ phase: 'sending', progress: 75 })
  expect(await read({ ...upload, lastPercent: 80 })).toMatchObject({ progress: 80 })
})

test('what cannot be kept is not told', async () => {
  const { board, read, pass } = create({ fails: true })
  board.report(upload, half)

  expect(await read({ ...upload, lastPercent: 41 })).toMatchObject({ progress: 41 })
  expect(await pass(board.of(upload))).toBeNull()
})

test('what a listener is told is kept first, and once, and is no less than the row has', async () => {
  const { board, saved, pass } = create({ row: 75 })
  board.report(upload, half)

  expect(await pass(board.of(upload))).toMatchObject({ phase: 'sending', progress: 75 })
  board.report(upload, { phase: 'sending', acceptedBytes: 700 })
  expect(await pass(board.of(upload))).toMatchObject({ progress: 75 })

  expect(saved).toEqual([60])
})

test('an end needs no percent', async () => {
  const { board, saved, read, pass } = create()
  const failed = makeUpload({ state: 'failed', lastPercent: 60 })

  expect(await read(failed)).toMatchObject({ status: 'failed' })
  expect(await pass(board.of(failed))).toMatchObject({ status: 'failed' })

  expect(saved).toEqual([])
})
