import { randomBytes } from 'node:crypto'
import type { SpoolUpload } from '../../core/ports/spool.ts'
import { fromFolderName, toFolderName } from '../spool/upload-folder.ts'

/**
 * Names of objects. `<opening>` is the upload's captionId: of an id that is opened again all objects are
 * apart from those of the upload before.
 *
 * - `spool/<upload>/<opening>/<index>-<sha256>.<nonce>` is a chunk. Its content is in the name: a PUT that
 *   comes late or twice changes nothing that was acknowledged. The nonce differs with each time that a
 *   chunk is stored: what deletes objects by their names never meets one that is stored meanwhile.
 * - `spool/<upload>/<opening>/partial/<index>/<from>-<to>-<sha256>.<nonce>` is a piece of a chunk that is
 *   not whole yet: its bytes from one place to before another.
 */
export const ROOT = 'spool/'

const CHUNK = /^(\d{1,9})-([0-9a-f]{64})\.[0-9a-f]+$/
const PIECE = /^partial\/(\d{1,9})\/(\d{1,15})-(\d{1,15})-([0-9a-f]{64})\.[0-9a-f]+$/

export interface ChunkKey {
  readonly index: number
  /** SHA-256, hex. */
  readonly digest: string
}

export interface PieceKey extends ChunkKey {
  /** Where it begins in its chunk, and where it ends: the first byte behind it. */
  readonly from: number
  readonly to: number
}

/** What all objects of an upload begin with. Throws INVALID_REQUEST for an id that no spool takes. */
export function uploadPrefix({ id, captionId }: SpoolUpload): string {
  return `${idPrefix(id)}${toFolderName(captionId)}/`
}

/** What all objects of an id begin with, whichever opening they are of. */
export function idPrefix(uploadId: string): string {
  return `${ROOT}${toFolderName(uploadId)}/`
}

/** The id that an object, or all objects of a folder, are of; null where it is none. */
export function idOf(key: string): string | null {
  const [, name = ''] = /^spool\/([^/]+)\//.exec(key) ?? []
  return fromFolderName(name)
}

export function newChunkKey(upload: SpoolUpload, { index, digest }: ChunkKey): string {
  return `${chunkPrefix(upload, index)}${digest}.${nonce()}`
}

/** What all objects of one chunk begin with. */
export function chunkPrefix(upload: SpoolUpload, index: number): string {
  return `${uploadPrefix(upload)}${index}-`
}

export function newPieceKey(upload: SpoolUpload, { index, from, to, digest }: PieceKey): string {
  return `${piecesPrefix(upload, index)}${from}-${to}-${digest}.${nonce()}`
}

/** What all pieces of one chunk begin with. */
export function piecesPrefix(upload: SpoolUpload, index: number): string {
  return `${uploadPrefix(upload)}partial/${index}/`
}

/** Null where it is not a chunk of the upload. */
export function parseChunkKey(upload: SpoolUpload, key: string): ChunkKey | null {
  const [, index, digest] = CHUNK.exec(nameIn(upload, key)) ?? []
  return index === undefined || digest === undefined ? null : { index: Number(index), digest }
}

/** Null where it is not a piece of a chunk of the upload. */
export function parsePieceKey(upload: SpoolUpload, key: string): PieceKey | null {
  const [, index, from, to, digest] = PIECE.exec(nameIn(upload, key)) ?? []
  if (digest === undefined) return null
  return { index: Number(index), from: Number(from), to: Number(to), digest }
}

function nameIn(upload: SpoolUpload, key: string): string {
  const prefix = uploadPrefix(upload)
  return key.startsWith(prefix) ? key.slice(prefix.length) : ''
}

function nonce(): string {
  return randomBytes(8).toString('hex')
}
