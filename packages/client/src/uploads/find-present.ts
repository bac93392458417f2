import { isCancelledUpload, isUnknownUpload } from '../error.ts'
import { withRetries } from '../retry.ts'
import { toStatus } from '../wire.ts'
import { digestOf } from './digest.ts'
import type { UploadContext } from './run-upload.ts'
import { readChunk } from './send-chunks.ts'
import type { UploadStatus } from './upload-api.ts'

/**
 * Returns the chunks that the worker has of this upload. Returns null when the upload cannot be
 * resumed with this file: it is unknown, it has failed, it was cancelled, or it is of another file.
 * Name, size and time say little about a file, so every chunk that the worker has is compared by its
 * digest, where both sides have one.
 */
export async function findPresent(
  context: UploadContext,
  uploadId: string,
  signal: AbortSignal,
): Promise<ReadonlySet<number> | null> {
  const { caller, follower, file, attempts, state } = context
  const path = `/upload-status/${encodeURIComponent(uploadId)}`
  const retries = { attempts, signal, onWait: state.wait.bind(null, 'opening') }
  try {
    const ask = async () => toStatus(await caller.json(path, { signal }))
    const status = await withRetries(ask, retries)
    if (status.totalChunks !== file.totalChunks) return null
    if (status.size !== null && status.size !== file.size) return null
    const progress = await withRetries(() => follower.once(uploadId, signal), retries)
    if (progress.status === 'failed') return null
    return (await isSame(context, status, signal)) ? new Set(status.receivedChunks) : null
  } catch (error) {
    if (isUnknownUpload(error) || isCancelledUpload(error)) return null
    throw error
  }
}

async function isSame(
  { source, file }: UploadContext,
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
