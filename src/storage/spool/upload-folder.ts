import { AppError } from '../../errors.ts'

const PLAIN = /^[A-Za-z0-9_-]{1,128}$/
const CODED = /^~[A-Za-z0-9_-]+$/
const MAX_CODED_BYTES = 180

/**
 * The name of an upload's folder. An id that is not plainly harmless never becomes a path: its
 * base64url does, after a `~` that no plain id can have, so that ids can be read back from names.
 * Throws INVALID_REQUEST for an empty id or one no file system could hold.
 */
export function toFolderName(uploadId: string): string {
  if (PLAIN.test(uploadId)) return uploadId
  const bytes = Buffer.from(uploadId, 'utf8')
  if (bytes.length === 0 || bytes.length > MAX_CODED_BYTES) {
    throw new AppError('INVALID_REQUEST', 'uploadId is empty or too long')
  }
  return `~${bytes.toString('base64url')}`
}

/** The upload whose folder has this name, or null when the folder is not one of the spool's. */
export function fromFolderName(name: string): string | null {
  if (PLAIN.test(name)) return name
  if (!CODED.test(name)) return null
  const uploadId = Buffer.from(name.slice(1), 'base64url').toString('utf8')
  return uploadId !== '' && toFolderName(uploadId) === name ? uploadId : null
}

const CHUNK_FILE = /^(0|[1-9]\d{0,8})\.chunk$/
const PARTIAL_FILE = /^(0|[1-9]\d{0,8})\.growing$/

/** The name of a chunk's file. Throws INVALID_REQUEST unless the index is a sane whole number. */
export function toChunkName(index: number): string {
  const name = `${index}.chunk`
  if (!CHUNK_FILE.test(name)) throw new AppError('INVALID_REQUEST', 'chunkIndex is malformed')
  return name
}

/** The name of a file that will be that chunk once it is whole. */
export function toPartialName(index: number): string {
  return toChunkName(index).replace(/chunk$/, 'growing')
}

/** The index of the chunk whose file has this name, or null when it is not a chunk's. */
export function fromChunkName(name: string): number | null {
  return indexIn(CHUNK_FILE.exec(name))
}

/** The same for the name of a partial chunk. */
export function fromPartialName(name: string): number | null {
  return indexIn(PARTIAL_FILE.exec(name))
}

function indexIn(match: RegExpExecArray | null): number | null {
  return match ? Number(match[1]) : null
}
