import { z } from 'zod'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import { AppError } from '../../errors.ts'
import { fileName, invalid, parseWire, TELEGRAM_MAX_BYTES } from '../bodies/validation.ts'
import { CHECKSUM_ALGORITHMS } from './checksum.ts'
import { loadLibrary } from './library.ts'

/** The one version there is (https://tus.io/protocols/resumable-upload). */
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

/** What an OPTIONS request is told. */
export function discovery(maxFileBytes: number): Record<string, string> {
  return {
    'tus-version': TUS_VERSION,
    'tus-extension': EXTENSIONS.join(','),
    'tus-max-size': String(Math.min(maxFileBytes, TELEGRAM_MAX_BYTES)),
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

/** Throws INVALID_REQUEST unless the length is told, which other servers can do without. */
export function assertLength(length: string | undefined): void {
  if (length === undefined) {
    const sentence = 'Upload-Length is needed from the start: Telegram has to know it'
    throw new AppError('INVALID_REQUEST', sentence, { details: { field: 'Upload-Length' } })
  }
  assertBytes('Upload-Length', length)
}

/** Throws INVALID_REQUEST unless a header counts bytes. */
export function assertBytes(header: string, value: string | undefined): void {
  if (value === undefined) throw invalid(header, 'is missing')
  if (/^\d+$/.test(value) && Number.isSafeInteger(Number(value))) return
  throw invalid(header, 'expected a whole number of bytes')
}

/** `Upload-Metadata` as its keys and values. Throws INVALID_REQUEST when it is not what it must be. */
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

/** A refusal names the header. */
const FileName = z.object({ 'Upload-Metadata': fileName })

/** The file that `Upload-Metadata` describes. Uppy says `name` and `type`, others add `file`. */
export function describeFile(metadata: Readonly<Record<string, string | null>> = {}): {
  fileName: string
  mimeType: string
} {
  const given = { 'Upload-Metadata': metadata.filename || metadata.name || 'file' }
  const { 'Upload-Metadata': name } = parseWire(FileName, given)
  return { fileName: name, mimeType: mimeTypeOf(metadata.filetype || metadata.type, name) }
}

/** What a creation says about other uploads. */
export type Concatenation =
  | { kind: 'none' }
  | { kind: 'partial' }
  | { kind: 'final'; partIds: readonly string[] }

const PART_ID = /^[A-Za-z0-9_-]{1,128}$/

/**
 * The id in an upload's URL, in whatever form `Location` or the client has it: relative, whole, with
 * a proxy's prefix, percent-encoded. Only the last segment counts: the part must be the caller's,
 * whatever host the URL names. Undefined where that segment is no id.
 */
function partIdIn(url: string): string | undefined {
  const [path = ''] = url.split(/[?#]/, 1)
  const id = decoded(path).replace(/\/$/, '').split('/').at(-1) ?? ''
  return PART_ID.test(id) ? id : undefined
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
