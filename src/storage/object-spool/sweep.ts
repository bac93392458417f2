import type { ChunkRecord } from '../../core/ports/records.ts'
import { parseChunkKey, parsePieceKey, ROOT, uploadOf, uploadPrefix } from './keys.ts'
import type { ObjectStore } from './object-store.ts'
import type { StoredObject } from './s3-answer.ts'

export interface ObjectSweepOptions {
  store: Pick<ObjectStore, 'list' | 'remove'>
  /** The rows of an unfinished upload's chunks; null: there is no such upload, or it has ended. */
  acknowledged: (uploadId: string) => Promise<readonly ChunkRecord[] | null>
  /**
   * Milliseconds, by the store's clock: younger objects may wait for their rows. Far longer than any
   * request takes.
   */
  minAgeMs: number
  signal: AbortSignal
}

/**
 * Removes objects that no upload needs: of uploads that have ended or are unknown, and chunks without
 * a row. Any node may do it at any time: objects are listed before rows are read, and are removed by
 * names that no later chunk gets. Resolves with how many were removed.
 */
export async function sweepObjects(options: ObjectSweepOptions): Promise<number> {
  const { store, signal } = options
  let removed = 0
  for await (const { folders } of store.list({ prefix: ROOT, byFolder: true })) {
    for (const folder of folders) {
      signal.throwIfAborted()
      const uploadId = uploadOf(folder)
      if (uploadId !== null) removed += await sweepUpload(options, uploadId)
    }
  }
  return removed
}

async function sweepUpload(
  { store, acknowledged, minAgeMs }: ObjectSweepOptions,
  uploadId: string,
): Promise<number> {
  const old: StoredObject[] = []
  for await (const { objects, at } of store.list({ prefix: uploadPrefix(uploadId) })) {
    old.push(...objects.filter(({ storedAt }) => storedAt < at - minAgeMs))
  }
  if (old.length === 0) return 0
  const rows = await acknowledged(uploadId)
  const keys = old.map(({ key }) => key).filter((key) => !isNeeded(uploadId, key, rows))
  await store.remove(keys)
  return keys.length
}

function isNeeded(uploadId: string, key: string, rows: readonly ChunkRecord[] | null): boolean {
  if (rows === null) return false
  const chunk = parseChunkKey(uploadId, key)
  const rowOf = (index: number) => rows.find((row) => row.index === index)
  if (chunk) return rowOf(chunk.index)?.digest === chunk.digest
  // Of a chunk that has its row the pieces are not needed any more.
  const piece = parsePieceKey(uploadId, key)
  return piece !== null && rowOf(piece.index) === undefined
}
