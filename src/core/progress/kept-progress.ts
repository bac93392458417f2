import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { ProgressBoard } from './progress-board.ts'

/**
 * A board that also keeps how far each upload is, so that a restart turns no progress back. It
 * writes each whole percent once: a hundred small rows for a file, however large. What cannot be
 * written is kept with the next step.
 */
export function keepProgress(
  board: ProgressBoard,
  { ledger, log }: { ledger: Pick<Ledger, 'savePercent'>; log: Log },
): ProgressBoard {
  const kept = new Map<string, number>()

  return {
    ...board,
    report: (upload, event) => {
      board.report(upload, event)
      const { progress: percent } = board.of(upload)
      if (percent <= (kept.get(upload.id) ?? upload.lastPercent ?? 0)) return
      kept.set(upload.id, percent)
      // Nothing waits for it: a percent that is not kept is kept with the next one.
      ledger.savePercent(upload.id, percent).catch((err: unknown) => {
        log.debug({ uploadId: upload.id, err }, 'progress is not kept')
      })
    },
    finish: (upload) => {
      kept.delete(upload.id)
      board.finish(upload)
    },
    forget: (upload) => {
      kept.delete(upload.id)
      board.forget(upload)
    },
  }
}
