import type { LibraryJob } from '../library-jobs.ts'
import type { Upload } from '../records.ts'
import type { NodeAddress } from './leases.ts'

/** How uploads and jobs stand that are watched at a node, as their rows say. */
export interface WatchedRows {
  /**
   * All that are named, and of the owners those that are unfinished or have ended within the last
   * seconds; in two statements, however many there are. What is not there any more is left out.
   */
  watchedRows: (watched: {
    ids: readonly string[]
    owners: readonly string[]
  }) => Promise<{ uploads: WatchedUpload[]; jobs: WatchedJob[] }>
}

export interface WatchedUpload {
  readonly upload: Upload
  /** The node that carries it, which may be gone; null: none does. */
  readonly carrier: NodeAddress | null
}

export interface WatchedJob {
  readonly job: LibraryJob
  readonly carrier: NodeAddress | null
}
