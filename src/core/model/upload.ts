import { AppError } from '../../errors.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'
import { chunkSizeAt } from './chunk-layout.ts'

/** What a caller says about a file when its upload opens. */
export interface UploadDescription {
  id: string
  owner: string
  fileName: string
  mimeType: string
  size: number
  totalChunks: number
  /** When the file was last changed. */
  modifiedAt: number | null
  captionId: string
  folder: readonly string[]
  folderId: string | null
  givenName: string | null
  replaces: Upload['replaces']
  /** Bytes of its volumes; without it the file goes as one document. */
  volumeBytes?: number | null
}

/**
 * A new upload that waits for its chunks. Throws EMPTY_FILE for a file without bytes; without
 * chunks as well, it is an empty part of another upload, which is legal. Throws INVALID_REQUEST for
 * totals that cannot be.
 */
export function openUpload(description: UploadDescription, now: number): Upload {
  const { size, totalChunks } = description
  if (size === 0 && totalChunks > 0) throw emptyFile('fileSize')
  if (totalChunks > size) {
    throw new AppError('INVALID_REQUEST', 'totalChunks: more chunks than the file has bytes', {
      details: { field: 'totalChunks' },
    })
  }
  return {
    ...description,
    chunkSize: totalChunks === 1 ? size : null,
    state: 'receiving',
    createdAt: now,
    touchedAt: now,
    sealedAt: null,
    finishedAt: null,
    result: null,
    reason: null,
    lastPercent: null,
    retryAt: null,
    volumeBytes: description.volumeBytes ?? null,
    postedVolumes: 0,
    freedChunks: 0,
  }
}

/** `field` is what the caller said the size with. */
export function emptyFile(field: string): AppError {
  return new AppError('EMPTY_FILE', 'The file is empty; Telegram takes no empty files', {
    details: { field },
  })
}

/** Throws UPLOAD_DIFFERS when a call describes another file than the upload was opened with. */
export function assertSameFile(
  upload: Upload,
  described: Pick<UploadDescription, 'size' | 'totalChunks'> & { fileName?: string },
): void {
  const differing = (['size', 'totalChunks'] as const).find((key) => upload[key] !== described[key])
  const given = upload.givenName ?? upload.fileName
  if (differing !== undefined || (described.fileName ?? given) !== given) {
    const field = differing === 'size' ? 'fileSize' : (differing ?? 'fileName')
    throw new AppError('UPLOAD_DIFFERS', `This upload was opened with another ${field}`, {
      details: { field },
    })
  }
}

/**
 * The chunk size of the upload, given one more chunk of it.
 *
 * The first chunk that is not the last fixes it. A last chunk that comes first fixes it as well:
 * what is left must divide evenly among the others. Throws CHUNK_OUT_OF_RANGE or CHUNK_SIZE_WRONG.
 */
export function chunkSizeWith(upload: Upload, index: number, size: number): number {
  const { totalChunks } = upload
  if (index >= totalChunks) {
    throw new AppError('CHUNK_OUT_OF_RANGE', `chunkIndex ${index} is outside of ${totalChunks}`, {
      details: { field: 'chunkIndex', totalChunks },
    })
  }
  const chunkSize = upload.chunkSize ?? inferChunkSize(upload, index, size)
  const expected = chunkSizeAt({ size: upload.size, chunkSize }, index)
  if (!isLayout(upload, chunkSize) || size !== expected) {
    throw chunkSizeWrong(upload, { index, size }, upload.chunkSize ? expected : null)
  }
  return chunkSize
}

/** `expected`: how many bytes it should have, where that is known. */
export function chunkSizeWrong(
  { totalChunks, size: fileSize }: Upload,
  { index, size }: Pick<ChunkRecord, 'index' | 'size'>,
  expected: number | null,
): AppError {
  return new AppError(
    'CHUNK_SIZE_WRONG',
    `Chunk ${index} has ${size} bytes, which does not fit ${totalChunks} chunks of a file of ${fileSize} bytes`,
    { details: { field: 'chunk', received: size, expected } },
  )
}

function inferChunkSize(upload: Upload, index: number, size: number): number {
  const last = upload.totalChunks - 1
  return index < last ? size : (upload.size - size) / last
}

/** Whether chunks of this size give exactly `totalChunks` chunks, none of them empty. */
function isLayout({ size, totalChunks }: Upload, chunkSize: number): boolean {
  return Number.isInteger(chunkSize) && chunkSize > 0 && Math.ceil(size / chunkSize) === totalChunks
}

/** The chunk a repeated request names, if it is the same one; throws CHUNK_DIFFERS otherwise. */
export function assertSameChunk(known: ChunkRecord, size: number, digest: string): void {
  if (known.size !== size || known.digest !== digest) throw chunkDiffers(known.index)
}

export function chunkDiffers(chunkIndex: number): AppError {
  return new AppError(
    'CHUNK_DIFFERS',
    `Chunk ${chunkIndex} was received before with other bytes; a chunk cannot be changed`,
    { details: { chunkIndex } },
  )
}

/** Throws CHUNK_DAMAGED when the sender's digest, hex, is not that of the bytes that came. */
export function assertUndamaged(digest: string, expected: string | undefined): void {
  if (expected === undefined || expected.toLowerCase() === digest) return
  throw new AppError('CHUNK_DAMAGED', 'The chunk was damaged on its way; send it again', {
    retryAfter: 1,
  })
}

/** Indices of the chunks that are not there yet, ascending. */
export function missingChunks(totalChunks: number, present: ReadonlySet<number>): number[] {
  return Array.from({ length: totalChunks }, (_, index) => index).filter((i) => !present.has(i))
}

/** Whether an upload still has a way to go: bytes come, or its job runs. */
export function isUnfinished({ state }: Pick<Upload, 'state'>): boolean {
  return state === 'receiving' || state === 'sealed'
}

const WHOLE_SUFFIX = '-whole'
/** No client's own ids look like this. */
const WHOLE_ID = /^\d+_[\w-]{22}-whole$/

/** The id of an upload that comes in one request: made of a random one, and told at its end. */
export function wholeUploadId(random: string): string {
  return `${random}${WHOLE_SUFFIX}`
}

/**
 * Whether the worker died during the one request of this upload. Its sender never learnt the id and
 * begins anew, so nothing comes back to it.
 */
export function isAbandonedWhole({ id, state, totalChunks }: Upload): boolean {
  return state === 'receiving' && totalChunks === 1 && WHOLE_ID.test(id)
}
