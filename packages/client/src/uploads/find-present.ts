import { isCancelledUpload, isUnknownUpload } from '../error.ts'
import { withPatience } from '../retry.ts'
import { toStatus } from '../wire.ts'
import { digestOf } from './digest.ts'
import type { Carriage } from './run-upload.ts'
import { readChunk } from './send-chunks.ts'
import type { UploadStatus } from './upload-api.ts'

/**
 * The chunks the worker has of this upload; null when nothing of this file goes on under that id:
 * it is unknown, it has failed, it was cancelled, or it is another file's. Name, size and time say little about a
 * file, so every chunk the worker has is compared by its digest, where both sides have one.
 */
export async function findPresent(
  carriage: Carriage,
  uploadId: string,
  signal: AbortSignal,
): Promise<ReadonlySet<number> | null> {
  const { caller, follower, file, attempts, state } = carriage
  const path = `/upload-status/${encodeURIComponent(uploadId)}`
  const patience = { attempts, signal, onWait: state.wait.bind(null, 'opening') }
  try {
    const ask = async () => toStatus(await caller.json(path, { signal }))
    const status = await withPatience(ask, patience)
    if (status.totalChunks !== file.totalChunks) return null
    if (status.size !== null && status.size !== file.size) return null
    const progress = await withPatience(() => follower.once(uploadId, signal), patience)
    if (progress.status === 'failed') return null
    return (await isSame(carriage, status, signal)) ? new Set(status.receivedChunks) : null
  } catch (error) {
    if (isUnknownUpload(error) || isCancelledUpload(error)) return null
    throw error
  }
}

async function isSame(
  { source, file }: Carriage,
  { receivedChunks, receivedDigests }: UploadStatus,
  signal: AbortSignal,
): Promise<boolean> {
  for (const [at, index] of receivedChunks.entries()) {
    signal.throwIfAborted()
    const theirs = receivedDigests[at]
    if (theirs === undefined) return true
    const ours = await digestOf(await readChunk(source, file, index))
    if (ours === null) return true
    if (ours !== theirs) return false
  }
  return true
}
