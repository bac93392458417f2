import { isPartial } from '../model/stream.ts'
import type { CredentialsProvider } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Upload } from '../ports/records.ts'
import type { Progress, ProgressBoard } from './progress-board.ts'

export interface JobListOptions {
  ledger: Pick<Ledger, 'uploadsOf' | 'stream' | 'chunks'>
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
      const jobs: Job[] = []
      for (const upload of await ledger.uploadsOf(userId, limit)) {
        if (isPartial(await ledger.stream(upload.id))) continue
        const receivedBytes = await receivedOf(ledger, upload)
        jobs.push({ upload, progress: board.of(upload), receivedBytes })
      }
      return jobs
    },
  }
}

async function receivedOf(ledger: Pick<Ledger, 'chunks'>, upload: Upload): Promise<number> {
  const { id, size, state, sealedAt } = upload
  // What was cancelled on its way has nothing here any more.
  if (state === 'cancelled') return sealedAt === null ? 0 : size
  if (state !== 'receiving') return size
  return (await ledger.chunks(id)).reduce((sum, chunk) => sum + chunk.size, 0)
}
