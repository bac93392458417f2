import { leaseLost } from '../../../errors.ts'
import type { Queries } from '../database.ts'
import { UNFINISHED } from '../uploads/upload-rows.ts'

/** Which run of an upload's transfer is this node's: what its writes say in their WHERE. */
export interface Fences {
  /** Null: this node has not carried such an upload, and its writes are not fenced. */
  runOf: (uploadId: string) => number | null
  /**
   * Called where a write of a transfer has found no row. Rejects with LEASE_LOST when another node carries
   * the upload by now; resolves with whether the write was of a transfer of this node's.
   */
  assertMine: (queries: Queries, uploadId: string) => Promise<boolean>
  /** Called with an upload that could have been written, but not by this node. */
  refuse: (uploadId: string) => never
}

export interface OpenFences extends Fences {
  set: (uploadId: string, run: number) => void
  /** The transfer does not run here any more. A write that comes late is fenced all the same. */
  leave: (uploadId: string) => void
}

/** The newest of those that were left are remembered. */
const MAX_LEFT = 10_000

/** `onRefused`: called with each write that was not made because another node carries the upload. */
export function createFences(onRefused: (uploadId: string) => void = () => {}): OpenFences {
  const runs = new Map<string, number>()
  const left = new Set<string>()

  function refuse(uploadId: string): never {
    onRefused(uploadId)
    throw leaseLost()
  }

  return {
    runOf: (uploadId) => runs.get(uploadId) ?? null,
    assertMine: async (queries, uploadId) => {
      const run = runs.get(uploadId)
      if (run === undefined) return false
      const other = await queries.get(
        `SELECT 1 AS is_there FROM uploads WHERE id = $1 AND run <> $2 AND ${UNFINISHED}`,
        [uploadId, run],
      )
      return other === undefined || refuse(uploadId)
    },
    refuse,
    set: (uploadId, run) => {
      left.delete(uploadId)
      runs.set(uploadId, run)
    },
    leave: (uploadId) => {
      if (!runs.has(uploadId)) return
      left.add(uploadId)
      const [oldest] = left
      if (left.size <= MAX_LEFT || oldest === undefined) return
      left.delete(oldest)
      runs.delete(oldest)
    },
  }
}
