import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Upload } from '../ports/records.ts'
import type { Progress, ProgressBoard } from './progress-board.ts'

/** What callers and listeners are told of uploads. */
export interface ToldProgress {
  /** How far an upload is, for an answer. */
  read: (upload: Upload) => Promise<Progress>
  /** The same of what listeners hear, before it is passed on; null: it is not. Absent: as it is. */
  pass?: (progress: Progress) => Promise<Progress | null>
}

/** The rows need not be asked again for a percent within that time. */
const REMEMBERED_MS = 60_000
const MAX_REMEMBERED = 10_000

/** By a process that tells its uploads alone. */
export function tellAsItIs(board: Pick<ProgressBoard, 'of'>): ToldProgress {
  return { read: async (upload) => board.of(upload) }
}

/**
 * Where other processes tell the same uploads, a percent is in the ledger before it is told: one that is
 * asked next, or goes on with the upload, has read it there and tells no less. A percent that cannot be
 * kept is not told.
 */
export function keepBeforeTold(
  board: Pick<ProgressBoard, 'of'>,
  ledger: Pick<Ledger, 'savePercent'>,
): Required<ToldProgress> {
  /** What rows have at least. */
  const kept = createTtlCache<number>({ maxEntries: MAX_REMEMBERED })

  return {
    read: async (upload) => {
      const progress = board.of(upload)
      if (progress.status !== 'uploading') return progress
      const known = upload.lastPercent ?? 0
      if (progress.progress <= known) return { ...progress, progress: known }
      try {
        const saved = await ledger.savePercent(upload.id, progress.progress)
        return { ...progress, progress: saved ?? progress.progress }
      } catch {
        return { ...progress, progress: known }
      }
    },
    pass: async (progress) => {
      const { uploadId: id, status } = progress
      if (status !== 'uploading') {
        kept.delete(id)
        return progress
      }
      const known = kept.get(id) ?? 0
      if (progress.progress <= known) return { ...progress, progress: known }
      try {
        const saved = (await ledger.savePercent(id, progress.progress)) ?? progress.progress
        kept.set(id, saved, REMEMBERED_MS)
        return { ...progress, progress: saved }
      } catch {
        return null
      }
    },
  }
}
