import { isUnfinished } from '../../core/model/upload.ts'
import type { Ledger } from '../../core/ports/ledger.ts'
import type { ChunkRecord } from '../../core/ports/records.ts'
import type { SpoolUpload } from '../../core/ports/spool.ts'
import { idOf, idPrefix, parseChunkKey, parsePieceKey, ROOT, uploadPrefix } from './keys.ts'
import type { ObjectStore } from './object-store.ts'
import type { StoredObject } from './s3-answer.ts'

export interface ObjectSweepOptions {
  store: Pick<ObjectStore, 'list' | 'remove'>
  ledger: Pick<Ledger, 'findUpload' | 'chunks'>
  /**
   * Milliseconds, by the store's clock: younger objects may wait for their rows. Far longer than any
   * request takes.
   */
  minAgeMs: number
  signal: AbortSignal
}

/**
 * Removes objects that no upload needs: of uploads that have ended, are unknown, or were there before
 * their id was opened again, and chunks without a row. Any node may do it at any time: objects are listed
 * before rows are read, and are removed by names that no later chunk gets. Resolves with how many were
 * removed.
 */
export async function sweepObjects(options: ObjectSweepOptions): Promise<number> {
  const { store, signal } = options
  let removed = 0
  for await (const { folders } of store.list({ prefix: ROOT, byFolder: true })) {
    for (const folder of folders) {
      signal.throwIfAborted()
      const uploadId = idOf(folder)
      if (uploadId !== null) removed += await sweepId(options, uploadId)
    }
  }
  return removed
}

async function sweepId(
  { store, ledger, minAgeMs }: ObjectSweepOptions,
  uploadId: string,
): Promise<number> {
  const old: StoredObject[] = []
  for await (const { objects, at } of store.list({ prefix: idPrefix(uploadId) })) {
    old.push(...objects.filter(({ storedAt }) => storedAt < at - minAgeMs))
  }
  if (old.length === 0) return 0
  const upload = await ledger.findUpload(uploadId)
  const lives = upload !== null && isUnfinished(upload)
  const chunks = lives ? await ledger.chunks(uploadId) : []
  const keys = old.map(({ key }) => key).filter((key) => !lives || !isNeeded(upload, chunks, key))
  await store.remove(keys)
  return keys.length
}

function isNeeded(upload: SpoolUpload, chunks: readonly ChunkRecord[], key: string): boolean {
  if (!key.startsWith(uploadPrefix(upload))) return false
  const chunk = parseChunkKey(upload, key)
  const rowOf = (index: number) => chunks.find((row) => row.index === index)
  if (chunk) return rowOf(chunk.index)?.digest === chunk.digest
  // Of a chunk that has its row the pieces are not needed any more.
  const piece = parsePieceKey(upload, key)
  return piece !== null && rowOf(piece.index) === undefined
}
