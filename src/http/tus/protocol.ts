import { z } from 'zod'
import {
  type FolderPath,
  folderOfRelativePath,
  parseFolderPath,
} from '../../core/model/library/folder-path.ts'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import type { OnConflict } from '../../core/uploads/place-upload.ts'
import { AppError } from '../../errors.ts'
import {
  fileName,
  folder,
  invalid,
  modifiedAt,
  onConflict,
  parseWire,
  UPLOAD_ID,
} from '../bodies/validation.ts'
import { CHECKSUM_ALGORITHMS } from './checksum.ts'

export type TusLibrary = typeof import('@tus/server')

/**
 * Loads @tus/server at the first call that needs it: it takes 20 MB, and most workers meet no tus
 * client.
 */
export function loadLibrary(): Promise<TusLibrary> {
  return import('@tus/server')
}

/** The only version there is (https://tus.io/protocols/resumable-upload). */
export const TUS_VERSION = '1.0.0'
export const TUS_PATH = '/files'
export const STREAM_TYPE = 'application/offset+octet-stream'

const EXTENSIONS = [
  'creation',
  'creation-with-upload',
  'termination',
  'expiration',
  'checksum',
  'concatenation',
]

/** The headers of the answer to OPTIONS. */
export function discovery(maxFileBytes: number): Record<string, string> {
  return {
    'tus-version': TUS_VERSION,
    'tus-extension': EXTENSIONS.join(','),
    'tus-max-size': String(maxFileBytes),
    'tus-checksum-algorithm': CHECKSUM_ALGORITHMS.join(','),
  }
}

/** Throws PROTOCOL_VERSION unless the request speaks this version. */
export function assertVersion(version: unknown): void {
  if (version === TUS_VERSION) return
  throw new AppError('PROTOCOL_VERSION', `Tus-Resumable: this is version ${TUS_VERSION}`, {
    details: { field: 'Tus-Resumable' },
  })
}

/** Throws INVALID_REQUEST if the length is missing. Unlike other servers this one needs it. */
export function assertLength(length: string | undefined): void {
  if (length === undefined) {
    const sentence = 'Upload-Length is needed from the start: Telegram has to know it'
    throw new AppError('INVALID_REQUEST', sentence, { details: { field: 'Upload-Length' } })
  }
  assertBytes('Upload-Length', length)
}

/** Throws INVALID_REQUEST unless the header is a number of bytes. */
export function assertBytes(header: string, value: string | undefined): void {
  if (value === undefined) throw invalid(header, 'is missing')
  if (/^\d+$/.test(value) && Number.isSafeInteger(Number(value))) return
  throw invalid(header, 'expected a whole number of bytes')
}

/** Parses `Upload-Metadata` into keys and values. Throws INVALID_REQUEST if it is malformed. */
export async function parseMetadata(header: string | null): Promise<Record<string, string | null>> {
  if (header === null) return {}
  const { Metadata } = await loadLibrary()
  try {
    return Metadata.parse(header)
  } catch {
    throw new AppError('INVALID_REQUEST', 'Upload-Metadata: expected keys with values in base64', {
      details: { field: 'Upload-Metadata' },
    })
  }
}

/** Its key is the header's name, so that a refusal names the header. */
const FileName = z.object({ 'Upload-Metadata': fileName })
const ModifiedAt = z.object({ 'Upload-Metadata': modifiedAt })
const Folder = z.object({ 'Upload-Metadata': folder })
const Conflict = z.object({ 'Upload-Metadata': onConflict })

/**
 * Returns name, type, time and folder of the file. Uppy sends `name` and `type`, other clients
 * `filename` and `filetype`; Uppy sends `relativePath` too, whose last segment is the file's name.
 */
export function describeFile(metadata: Readonly<Record<string, string | null>> = {}): {
  fileName: string
  mimeType: string
  modifiedAt: number | null
  folder: FolderPath
  onConflict: OnConflict | null
} {
  const given = { 'Upload-Metadata': metadata.filename || metadata.name || 'file' }
  const { 'Upload-Metadata': name } = parseWire(FileName, given)
  const wanted = parseWire(Conflict, { 'Upload-Metadata': metadata.onConflict ?? undefined })
  const changed = parseWire(ModifiedAt, { 'Upload-Metadata': metadata.modifiedAt ?? undefined })
  return {
    fileName: name,
    mimeType: mimeTypeOf(metadata.filetype || metadata.type, name),
    modifiedAt: changed['Upload-Metadata'] ?? null,
    folder: folderIn(metadata),
    onConflict: wanted['Upload-Metadata'] ?? null,
  }
}

function folderIn(metadata: Readonly<Record<string, string | null>>): FolderPath {
  const wanted = metadata.folder ?? undefined
  const { 'Upload-Metadata': path } = parseWire(Folder, { 'Upload-Metadata': wanted })
  if (path !== undefined) return parseFolderPath(path, 'Upload-Metadata')
  const relative = metadata.relativePath
  const isNone = !relative || relative === 'null'
  return isNone ? [] : folderOfRelativePath(relative, 'Upload-Metadata')
}

/** How a new upload relates to others. */
export type Concatenation =
  | { kind: 'none' }
  | { kind: 'partial' }
  | { kind: 'final'; partIds: readonly string[] }

/**
 * Returns the id in an upload's URL, which may be relative, absolute, behind a proxy's prefix, or
 * percent-encoded. Only the last segment counts; the host does not matter, because the part must
 * belong to the caller anyway. Undefined if that segment is no id.
 */
function partIdIn(url: string): string | undefined {
  const [path = ''] = url.split(/[?#]/, 1)
  const id = decoded(path).replace(/\/$/, '').split('/').at(-1) ?? ''
  return UPLOAD_ID.test(id) ? id : undefined
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}

/** Parses `Upload-Concat`. */
export function parseConcat(header: string | undefined): Concatenation {
  if (header === undefined) return { kind: 'none' }
  if (header === 'partial') return { kind: 'partial' }
  const [, list] = /^final; *(\S.*)$/.exec(header) ?? []
  const partIds = list?.trim().split(/ +/).map(partIdIn)
  if (!partIds || partIds.includes(undefined)) {
    throw new AppError('INVALID_REQUEST', 'Upload-Concat: expected partial, or final; and URLs', {
      details: { field: 'Upload-Concat' },
    })
  }
  return { kind: 'final', partIds: partIds.filter((id) => id !== undefined) }
}
