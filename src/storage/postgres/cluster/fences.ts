import { leaseLost } from '../../../errors.ts'

/** Which run of an upload's transfer is this node's: what its writes say in their WHERE. */
export interface Fences {
  /** Null: this node carries no such upload, and its writes are not fenced. */
  runOf: (uploadId: string) => number | null
  /** Throws LEASE_LOST where a fenced write has found no row: another node carries the upload, or it has ended. */
  assertWritten: (uploadId: string, rows: number) => void
}

export interface OpenFences extends Fences {
  set: (uploadId: string, run: number) => void
  forget: (uploadId: string) => void
}

/** `onRefused`: called with each write that was not made. */
export function createFences(onRefused: (uploadId: string) => void = () => {}): OpenFences {
  const runs = new Map<string, number>()

  return {
    runOf: (uploadId) => runs.get(uploadId) ?? null,
    assertWritten: (uploadId, rows) => {
      if (rows > 0 || !runs.has(uploadId)) return
      onRefused(uploadId)
      throw leaseLost()
    },
    set: (uploadId, run) => void runs.set(uploadId, run),
    forget: (uploadId) => void runs.delete(uploadId),
  }
}
