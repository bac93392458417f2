import type { CredentialsProvider } from './ports/credentials.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Upload } from './ports/records.ts'
import type { Progress, ProgressBoard } from './progress.ts'
import { isPartial } from './stream.ts'

export interface JobListOptions {
  ledger: Pick<Ledger, 'uploadsOf' | 'stream' | 'chunks'>
  board: Pick<ProgressBoard, 'of'>
  credentials: Pick<CredentialsProvider, 'forUpload'>
}

/** One upload as its owner sees it among the others. */
export interface Job {
  upload: Upload
  progress: Progress
  /** Bytes the worker has of a file that still comes, else all of them. */
  receivedBytes: number
}

/** What became of a user's uploads: unfinished ones, and for an hour those that ended. */
export interface JobList {
  /** Newest first. Rejects as `forUpload` does. */
  of: (token: string, limit: number) => Promise<Job[]>
}

export function createJobList({ ledger, board, credentials }: JobListOptions): JobList {
  return {
    of: async (token, limit) => {
      const { userId } = await credentials.forUpload(token)
      return ledger
        .uploadsOf(userId, limit)
        .filter((upload) => !isPartial(ledger.stream(upload.id)))
        .map((upload) => ({
          upload,
          progress: board.of(upload),
          receivedBytes: upload.state === 'receiving' ? presentBytes(ledger, upload) : upload.size,
        }))
    },
  }
}

function presentBytes(ledger: Pick<Ledger, 'chunks'>, { id }: Upload): number {
  return ledger.chunks(id).reduce((sum, chunk) => sum + chunk.size, 0)
}
