import type { Log } from '../ports/log.ts'
import type { ProgressBoard } from './progress-board.ts'

const STEP_PERCENT = 10

/** A board that also writes each tenth of the way into the log, in the words that operators know. */
export function logProgress(board: ProgressBoard, log: Log): ProgressBoard {
  const steps = new Map<string, number>()

  return {
    ...board,
    report: (upload, event) => {
      board.report(upload, event)
      const { progress, phase } = board.of(upload)
      const step = Math.floor(progress / STEP_PERCENT)
      if (step <= (steps.get(upload.id) ?? 0)) return
      steps.set(upload.id, step)
      log.info({ uploadId: upload.id, phase }, `Upload progress: ${progress}%`)
    },
    finish: (upload) => {
      steps.delete(upload.id)
      board.finish(upload)
    },
    forget: (upload) => {
      steps.delete(upload.id)
      board.forget(upload)
    },
  }
}
