import type { LibraryJob, LibraryJobKind } from '../ports/library-jobs.ts'
import type { Phase, Progress } from './progress-board.ts'

const NAMES: Record<LibraryJobKind, string> = { move: 'Move', copy: 'Copy', delete: 'Delete' }

/** How far a job of the library is, in the words of an upload. `waitUntil`: as Telegram asks. */
export function progressOfJob(job: LibraryJob, waitUntil: number, now: number): Progress {
  const { id, kind, state, total, done, failed, reason } = job
  const waitMs = state === 'running' ? waitUntil - now : 0
  return {
    uploadId: id,
    status: state === 'running' ? 'uploading' : state,
    progress: state === 'completed' ? 100 : Math.floor((99 * (done + failed)) / total),
    phase: waitMs > 0 ? 'waiting' : phaseOf(job),
    error: state === 'failed' ? `${NAMES[kind]} failed: ${reason}` : null,
    reason: state === 'failed' ? reason : null,
    messageId: null,
    fileId: null,
    sha256: null,
    retryAfter: waitMs > 0 ? Math.ceil(waitMs / 1000) : null,
  }
}

function phaseOf({ state, done, failed }: LibraryJob): Phase {
  if (state !== 'running') return state
  return done + failed === 0 ? 'queued' : 'changing'
}
