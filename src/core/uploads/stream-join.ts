import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import type { PreemptibleLock } from '../../lib/concurrency/preemptible-lock.ts'
import { assertNotCancelled, uploadCancelled } from '../model/cancellation.ts'
import { newCaptionId } from '../model/caption.ts'
import type { StreamState } from '../model/stream.ts'
import { isPartial } from '../model/stream.ts'
import { emptyFile, openUpload } from '../model/upload.ts'
import type { ChunkRecord, JoinedUpload, Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import { uploadNotFound } from './intake-refusals.ts'
import { type OnConflict, placeUpload } from './place-upload.ts'
import { planJoined } from './plan-upload.ts'
import { assertAllowed, assertNoLongWait, type UploadIntakeOptions } from './upload-intake.ts'
import type { UploadService } from './upload-service.ts'

export interface StreamJoinOptions extends UploadIntakeOptions {
  uploads: Pick<UploadService, 'authenticate' | 'authorize'>
  spool: Pick<Spool, 'share' | 'remove'>
  locks: KeyedLock
  uploadLock: Pick<PreemptibleLock, 'acquire'>
  find: (uploadId: string, token: string | null) => Promise<StreamState>
}

/** What a caller says about the file that partial uploads make. */
export interface JoinDescription {
  fileName: string
  mimeType: string
  modifiedAt: number | null
  folder: readonly string[]
  onConflict: OnConflict | null
  /** In the order of their bytes. */
  partIds: readonly string[]
  metadata: string | null
  concat: string
}

/**
 * Makes one upload of several. Its chunks are theirs, under a second name; the parts end with the
 * transaction that makes it. A crash before that leaves files without a row, which are swept;
 * a crash after it leaves the parts' own names, which are swept as well.
 *
 * Rejects with UPLOAD_NOT_FOUND (also another user's part), UPLOAD_CANCELLED, CHUNKS_MISSING while a
 * part is not whole, EMPTY_FILE when all of them are empty, FILE_EXISTS, UPLOAD_LOCKED,
 * INVALID_REQUEST, FILE_TOO_LARGE, SPOOL_FULL, SPOOL_FAILED.
 */
export function createStreamJoin(options: StreamJoinOptions) {
  const { ledger, spool, uploads, locks, uploadLock, find, transfers, now, log } = options

  /** Runs `work` with the lock of each of these uploads. Sorted: two joins never wait in a ring. */
  async function alone<T>(ids: readonly string[], work: () => Promise<T>): Promise<T> {
    const [id, ...rest] = [...ids].sort()
    if (id === undefined) return work()
    const release = await uploadLock.acquire(id, () => {})
    if (release === null) throw locked()
    try {
      return await alone(rest, work)
    } finally {
      release()
    }
  }

  function exclusively<T>(ids: readonly string[], work: () => Promise<T>): Promise<T> {
    const [id, ...rest] = [...ids].sort()
    return id === undefined ? work() : locks.run(id, () => exclusively(rest, work))
  }

  /** Looked at before any lock of the ledger's is held: a look may make the last chunk of one. */
  async function assertWhole(id: string, token: string): Promise<void> {
    const { upload, stream, offset } = await find(id, token)
    if (!isPartial(stream) || upload.state === 'completed') throw uploadNotFound()
    if (offset === upload.size) return
    throw new AppError('CHUNKS_MISSING', 'A part of this upload is not whole yet', {
      details: { uploadId: id, received: offset, total: upload.size },
    })
  }

  async function make(id: string, described: JoinDescription, token: string): Promise<Upload> {
    const { partIds, mimeType, modifiedAt, metadata, concat } = described
    const granted = await uploads.authenticate(token)
    const pieces: (ChunkRecord & { part: Upload })[] = []
    for (const partId of partIds) {
      const part = await ledger.findUpload(partId)
      // Before the locks were held it may have been cancelled.
      if (part) assertNotCancelled(part)
      if (part?.state !== 'receiving') throw uploadNotFound()
      for (const chunk of await ledger.chunks(partId)) pieces.push({ ...chunk, part })
    }
    const chunks = pieces.map(({ size, digest }, index): ChunkRecord => ({ index, size, digest }))
    const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0)
    if (size === 0) throw emptyFile('Upload-Concat')
    assertAllowed(options, size)
    assertNoLongWait(options, granted, size)
    const placed = await placeUpload(options.catalogue, granted, described)
    const file = { id, owner: granted.userId, ...placed, mimeType, size, modifiedAt }
    const totalChunks = chunks.length
    const volumeBytes = planJoined(options, granted, size)
    const opened = { ...file, totalChunks, captionId: newCaptionId(), volumeBytes }
    const upload: Upload = { ...openUpload(opened, now()), state: 'sealed', sealedAt: now() }
    for (const [index, piece] of pieces.entries()) {
      await spool.share({ upload: piece.part, index: piece.index }, { upload, index })
    }
    const stream = { uploadId: id, metadata, concat }
    return commit({ upload, stream, chunks, partIds, token })
  }

  async function commit(joined: JoinedUpload): Promise<Upload> {
    const { upload, partIds } = joined
    const joining = await ledger.joinUploads(joined, now())
    switch (joining.kind) {
      case 'part-closed':
        throw joining.part?.state === 'cancelled' ? uploadCancelled() : uploadNotFound()
      case 'known':
        if (joining.upload.owner !== upload.owner) throw uploadNotFound()
        return joining.upload
      case 'joined':
        log.info({ uploadId: upload.id, parts: partIds.length }, 'Upload session joined')
        transfers.sealed(upload)
        return upload
    }
  }

  /** The parts, whose chunks the joined upload has under names of its own. */
  async function clear(partIds: readonly string[]): Promise<void> {
    for (const uploadId of partIds) {
      try {
        const part = await ledger.findUpload(uploadId)
        if (part) await spool.remove(part)
      } catch (err) {
        log.warn({ uploadId, err }, 'chunks left to the sweep')
      }
    }
  }

  return async (described: JoinDescription, token: string): Promise<Upload> => {
    options.workGate.assertNew()
    const { partIds } = described
    if (new Set(partIds).size < partIds.length || partIds.length === 0) {
      throw new AppError('INVALID_REQUEST', 'Upload-Concat: name each part, and each part once')
    }
    const id = joinedId(partIds)
    // Before the locks: to wait for one makes the request end that holds it.
    const named = (await ledger.findUpload(id)) ? [id] : partIds
    for (const uploadId of named) await uploads.authorize(uploadId, token)
    return alone([id, ...partIds], async () => {
      // A client whose answer was lost asks again, and its parts are used up by then.
      if (await ledger.findUpload(id)) return (await find(id, token)).upload
      for (const partId of partIds) await assertWhole(partId, token)
      const upload = await exclusively([id, ...partIds], () => make(id, described, token))
      await clear(partIds)
      return upload
    })
  }
}

/** As hard to guess as the ids it is made of, and the same for the same parts. */
function joinedId(partIds: readonly string[]): string {
  return `joined_${createHash('sha256').update(partIds.join('\n')).digest('base64url')}`
}

function locked(): AppError {
  return new AppError('UPLOAD_LOCKED', 'Another request works on this upload', { retryAfter: 1 })
}
