import type { Log } from './log.ts'
import type { Ledger } from './ports/ledger.ts'
import type { ProgressBoard } from './progress.ts'

const KEEP_EVERY_MS = 1_000

/**
 * A board that also keeps how far each upload is, at most once a second, so that a restart turns no
 * progress back by more than that. What cannot be written is kept with the next step.
 */
export function keepProgress(
  board: ProgressBoard,
  { ledger, now, log }: { ledger: Pick<Ledger, 'savePercent'>; now: () => number; log: Log },
): ProgressBoard {
  const kept = new Map<string, { percent: number; at: number }>()

  return {
    ...board,
    report: (upload, event) => {
      board.report(upload, event)
      const { progress: percent } = board.of(upload)
      const last = kept.get(upload.id) ?? { percent: upload.lastPercent ?? 0, at: 0 }
      const at = now()
      if (percent <= last.percent || at - last.at < KEEP_EVERY_MS) return
      kept.set(upload.id, { percent, at })
      try {
        ledger.savePercent(upload.id, percent)
      } catch (err) {
        log.debug({ uploadId: upload.id, err }, 'progress is not kept')
      }
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
