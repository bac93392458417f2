import type { CredentialsProvider } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Upload } from '../ports/records.ts'
import type { Progress, ProgressBoard } from './progress-board.ts'

export interface JobListOptions {
  ledger: Pick<Ledger, 'uploadsOf'>
  board: Pick<ProgressBoard, 'of'>
  credentials: Pick<CredentialsProvider, 'forUpload'>
}

/** One upload as its owner sees it among the others. */
export interface Job {
  upload: Upload
  progress: Progress
  /** Bytes the worker has of a file that still comes, all of one that was whole, else none. */
  receivedBytes: number
}

/** What became of a user's uploads: unfinished ones, and for an hour those that ended. */
export interface JobList {
  /** Unfinished ones first, of each kind the newest first. Rejects as `forUpload` does. */
  of: (token: string, limit: number) => Promise<Job[]>
}

export function createJobList({ ledger, board, credentials }: JobListOptions): JobList {
  return {
    of: async (token, limit) => {
      const { userId } = await credentials.forUpload(token)
      const listed = await ledger.uploadsOf(userId, limit)
      return listed.map(({ upload, receivedBytes }) => ({
        upload,
        progress: board.of(upload),
        receivedBytes: bytesHere(upload, receivedBytes),
      }))
    },
  }
}

function bytesHere({ size, state, sealedAt }: Upload, receivedBytes: number): number {
  if (state === 'receiving') return receivedBytes
  // What was cancelled on its way has nothing here any more.
  return state === 'cancelled' && sealedAt === null ? 0 : size
}
