import { AppError } from '../../errors.ts'
import type { CredentialsProvider } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Progress, ProgressBoard } from './progress-board.ts'
import { createProgressFeed, type ProgressChange, passEach, skipTold } from './progress-feed.ts'
import type { ToldProgress } from './told-progress.ts'

/** A user's uploads that are told when somebody begins to watch: unfinished ones before others. */
const MAX_TOLD = 200

/** Who has a token need not know what the backend calls its user. */
const OWN = 'me'

export interface ProgressWatchOptions {
  ledger: Pick<Ledger, 'findUpload' | 'uploadsOf'>
  board: ProgressBoard
  told: ToldProgress
  uploads: {
    /** Rejects with UPLOAD_NOT_FOUND, also for another user's. */
    progress: (uploadId: string, token: string | null) => Promise<Progress>
  }
  /** Jobs of the library, which are watched as uploads are. */
  changes: { jobsOf: (owner: string, limit: number) => Promise<{ progress: Progress }[]> }
  credentials: Pick<CredentialsProvider, 'forUpload'>
}

/** How things stand, and what changes from then on, with nothing missing between the two. */
export interface Watched<Now> {
  now: Now
  /** Rejects with the signal's reason. */
  changes: AsyncGenerator<ProgressChange, never, undefined>
}

/** Progress that is pushed: the event stream and the socket. */
export interface ProgressWatch {
  /** Rejects as `uploads.progress` does. */
  upload: (
    uploadId: string,
    token: string | null,
    signal: AbortSignal,
  ) => Promise<Watched<Progress>>
  /** All uploads of the token's user, also by the name `me`; FORBIDDEN when that is somebody else. */
  user: (userId: string, token: string, signal: AbortSignal) => Promise<Watched<Progress[]>>
}

export function createProgressWatch(options: ProgressWatchOptions): ProgressWatch {
  const { ledger, board, uploads, changes: jobs, credentials } = options
  const { read, pass } = options.told

  return {
    upload: async (uploadId, token, signal) => {
      const told = await uploads.progress(uploadId, token)
      const changes = createProgressFeed(board, { uploadId }, { signal })
      // It may have gone on while the token was checked.
      const upload = await ledger.findUpload(uploadId)
      const again = () => uploads.progress(uploadId, token).catch(() => told)
      const now = upload ? await read(upload) : await again()
      return { now, changes: passEach(skipTold(changes, [now]), pass) }
    },
    user: async (userId, token, signal) => {
      const { userId: owner } = await credentials.forUpload(token)
      if (userId !== OWN && owner !== userId)
        throw new AppError('FORBIDDEN', 'This is the socket of another user')
      const changes = createProgressFeed(board, { owner }, { signal })
      const listed = await ledger.uploadsOf(owner, MAX_TOLD)
      const changing = await jobs.jobsOf(owner, MAX_TOLD)
      const now = [
        ...(await Promise.all(listed.map(({ upload }) => read(upload)))),
        ...changing.map(({ progress }) => progress),
      ]
      return { now, changes: passEach(skipTold(changes, now), pass) }
    },
  }
}
