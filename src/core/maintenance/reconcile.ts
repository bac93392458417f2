import { chunkSizeAt } from '../model/chunk-layout.ts'
import { contiguous, STREAM_CHUNK_BYTES } from '../model/stream.ts'
import { isAbandonedWhole } from '../model/upload.ts'
import type { MaintainedLedger } from '../ports/ledger.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'
import { BYTES_LOST, type MaintainedSpool } from '../ports/spool.ts'
import { forgetTransfersOf, isDocument } from '../transfers/lost-chunks.ts'

export interface ReconcileReport {
  /** Chunks the ledger had acknowledged whose bytes are not there, or not those that came. */
  lostChunks: number
  /** Chunk files that were never acknowledged. */
  strayFiles: number
  /** Sealed uploads that could not go on. */
  failedUploads: number
  /** Folders of uploads that have ended, or that the ledger does not know. */
  orphans: number
}

/**
 * Puts ledger and spool in agreement, before anything else uses them: afterwards a chunk that is to go
 * to Telegram is acknowledged exactly when its file holds the bytes that came, one that has gone there
 * in a volume has no file, and every folder has an upload.
 * Every digest is compared, because a disk that lost its power may have files of the right length
 * with nothing in them. A receiving upload asks its sender for what was lost; the sender of a sealed
 * one has left, and the upload fails.
 *
 * Rejects with SPOOL_FAILED or SPOOL_FULL when the disk does not let itself be read or cleared.
 */
export async function reconcile(
  ledger: MaintainedLedger,
  spool: MaintainedSpool,
  now: () => number,
): Promise<ReconcileReport> {
  const report = { lostChunks: 0, strayFiles: 0, failedUploads: 0, orphans: 0 }
  await spool.removeTemporary()
  // Their folders go with the orphans.
  for (const upload of await ledger.uploadsInState('receiving')) {
    if (isAbandonedWhole(upload)) await ledger.deleteUpload(upload.id)
  }
  const unfinished = [
    ...(await ledger.uploadsInState('receiving')),
    ...(await ledger.uploadsInState('sealed')),
  ]
  for (const upload of unfinished) {
    // Once Telegram has made a document of the bytes, only its message is missing.
    if (await hasDocument(ledger, upload.id)) continue
    const lost = await forgetLostChunks(ledger, spool, upload)
    report.lostChunks += lost.length
    if (upload.state === 'sealed' && (await ledger.chunks(upload.id)).length < upload.totalChunks) {
      const failure = { reason: BYTES_LOST, percent: null, retryAt: null, now: now() }
      await ledger.failUpload(upload.id, failure)
      await spool.remove(upload)
      report.failedUploads++
      continue
    }
    await forgetTransfersOf(ledger, upload, lost)
    report.strayFiles += await removeStrayFiles(ledger, spool, upload)
  }
  report.orphans = await removeOrphans(ledger, spool)
  return report
}

async function removeOrphans(ledger: MaintainedLedger, spool: MaintainedSpool): Promise<number> {
  let orphans = 0
  for (const id of await spool.uploadIds()) {
    const state = (await ledger.findUpload(id))?.state
    if (state === 'receiving' || state === 'sealed') continue
    await spool.removeFolder(id)
    orphans++
  }
  return orphans
}

/** Resolves with the chunks that were lost. */
async function forgetLostChunks(
  ledger: MaintainedLedger,
  spool: MaintainedSpool,
  upload: Upload,
): Promise<ChunkRecord[]> {
  const { id, freedChunks } = upload
  const lost: ChunkRecord[] = []
  for (const chunk of await ledger.chunks(id)) {
    const { index, size, digest } = chunk
    if (index < freedChunks) continue
    const sameSize = (await spool.chunkFileSize(upload, index)) === size
    if (sameSize && (await spool.chunkDigest(upload, index)) === digest) continue
    await ledger.deleteChunk(id, index)
    lost.push(chunk)
  }
  return lost
}

async function removeStrayFiles(
  ledger: MaintainedLedger,
  spool: MaintainedSpool,
  upload: Upload,
): Promise<number> {
  const { id, size } = upload
  const chunks = await ledger.chunks(id)
  // The files of those that were freed are left by a crash.
  const known = new Set(
    chunks.map(({ index }) => index).filter((index) => index >= upload.freedChunks),
  )
  const next = (await ledger.stream(id)) ? contiguous(chunks).count : null
  let removed = 0
  for (const index of await spool.chunkIndexes(upload)) {
    if (known.has(index)) continue
    const whole = chunkSizeAt({ size, chunkSize: STREAM_CHUNK_BYTES }, index)
    // Of a stream the sender was told of every byte, before they were a chunk: it becomes partial again.
    if (index === next && (await spool.chunkFileSize(upload, index)) === whole) {
      await spool.toPartial({ upload, index })
    } else {
      await spool.removeChunk(upload, index)
      removed++
    }
  }
  return removed + (await removeStrayPartials(spool, upload, next))
}

/**
 * Bytes of a stream are appended at one place only, behind its contiguous chunks. After a loss in
 * the middle the sender comes back to that place, and partial chunks further on are of no use.
 */
async function removeStrayPartials(
  spool: MaintainedSpool,
  upload: Upload,
  next: number | null,
): Promise<number> {
  let removed = 0
  for (const index of await spool.partialIndexes(upload)) {
    const whole = chunkSizeAt({ size: upload.size, chunkSize: STREAM_CHUNK_BYTES }, index)
    if (index === next && (await spool.partialBytes({ upload, index })) <= whole) continue
    await spool.removePartial({ upload, index })
    removed++
  }
  return removed
}

/** Whether Telegram has all bytes of the file already, as a document. */
async function hasDocument(ledger: MaintainedLedger, uploadId: string): Promise<boolean> {
  return isDocument(await ledger.transfer(uploadId))
}
