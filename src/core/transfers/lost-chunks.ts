import { AppError } from '../../errors.ts'
import { volumeOf } from '../model/volumes/plan.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { ChunkRecord, TransferState, Upload } from '../ports/records.ts'

/** Which chunk is lost, where an error says so: the sender of an upload that receives can send it again. */
export function lostChunkOf(error: unknown): number | null {
  if (!(error instanceof AppError) || error.code !== 'SPOOL_DAMAGED') return null
  const { chunkIndex } = error.details
  return typeof chunkIndex === 'number' ? chunkIndex : null
}

export interface LostChunksOptions {
  ledger: Pick<
    Ledger,
    'findUpload' | 'chunks' | 'loseChunk' | 'transfer' | 'deleteTransfer' | 'deleteTransfers'
  >
  log: Log
}

/**
 * Asks the sender of an upload for a chunk whose bytes were lost, and forgets what Telegram has of them.
 * False where the error is another one, or nobody sends any more.
 */
export function createChunkRecovery({
  ledger,
  log,
}: LostChunksOptions): (upload: Upload, error: unknown) => Promise<boolean> {
  return async ({ id, captionId }, error) => {
    const index = lostChunkOf(error)
    if (index === null) return false
    const upload = await ledger.findUpload(id)
    if (upload?.state !== 'receiving' || upload.captionId !== captionId) return false
    // First: where the process dies in between, the chunk is found to be lost once more.
    const lost = (await ledger.chunks(id)).filter((chunk) => chunk.index === index)
    await forgetTransfersOf(ledger, upload, lost)
    if (!(await ledger.loseChunk(upload, index))) return false
    log.warn(
      { uploadId: id, index, err: error },
      'a chunk was lost: its sender is asked for it again',
    )
    return true
  }
}

/** The sender may send other bytes in their place: parts already in Telegram are not theirs. */
export async function forgetTransfersOf(
  ledger: Pick<Ledger, 'transfer' | 'deleteTransfer' | 'deleteTransfers'>,
  upload: Upload,
  lost: readonly ChunkRecord[],
): Promise<void> {
  const { id, volumeBytes, chunkSize } = upload
  if (lost.length === 0) return
  if (volumeBytes === null || chunkSize === null) return ledger.deleteTransfers(id)
  const cut = { size: upload.size, volumeBytes }
  const volumes = new Set<number>()
  for (const { index, size } of lost) {
    const start = index * chunkSize
    const last = volumeOf(cut, start + size - 1).number
    for (let { number } = volumeOf(cut, start); number <= last; number++) volumes.add(number)
  }
  for (const number of volumes) {
    // Of a document that is made only the message may be missing, and is looked for by its transfer.
    if (!isDocument(await ledger.transfer(id, number))) await ledger.deleteTransfer(id, number)
  }
}

/** Whether Telegram has all bytes of it already, as a document. */
export function isDocument(state: TransferState | null): boolean {
  return state !== null && state.road !== 'bot-api' && state.document !== null
}
