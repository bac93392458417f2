import { expect, test } from 'vitest'
import { keepBeforeTold } from '../../../src/core/progress/kept-progress.ts'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { AppError } from '../../../src/errors.ts'
import { makeUpload } from '../../helpers/upload.ts'

const half = { phase: 'sending', acceptedBytes: 500 } as const

function create({ fails = false } = {}) {
  const board = createProgressBoard()
  const saved: number[] = []
  const read = keepBeforeTold(board, {
    savePercent: async (_id, percent) => {
      if (fails) throw new AppError('SPOOL_FAILED', 'no database')
      saved.push(percent)
    },
  })
  return { board, saved, read }
}

test('what is told is kept first, and once', async () => {
  const { board, saved, read } = create()
  const upload = makeUpload({ state: 'sealed', size: 1_000 })
  board.report(upload, half)

  expect(await read(upload)).toMatchObject({ phase: 'sending', progress: 60 })
  expect(await read({ ...upload, lastPercent: 60 })).toMatchObject({ progress: 60 })

  expect(saved).toEqual([60])
})

test('what cannot be kept is not told', async () => {
  const { board, read } = create({ fails: true })
  const upload = makeUpload({ state: 'sealed', size: 1_000, lastPercent: 41 })
  board.report(upload, half)

  expect(await read(upload)).toMatchObject({ phase: 'sending', progress: 41 })
})

test('an end needs no percent', async () => {
  const { saved, read } = create()

  expect(await read(makeUpload({ state: 'failed', lastPercent: 60 }))).toMatchObject({
    status: 'failed',
  })

  expect(saved).toEqual([])
})
