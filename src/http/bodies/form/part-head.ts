import { parse } from 'content-disposition'
import { isMediaType } from '../../../lib/media-type.ts'
import { fileNameIn, textOf } from './file-name.ts'

/** The headers of a form's part. */
export interface PartHead {
  readonly name: string
  /**
   * Whether the part is a file: it has a file name, even an empty one, or is
   * `application/octet-stream`.
   */
  readonly isFile: boolean
  /** Without folders; null if the part has no usable name. */
  readonly fileName: string | null
  /** Its `Content-Type` as it was sent. */
  readonly type: string | null
}

/** Parses the headers of a part. Returns null if they are malformed, or name no field of a form. */
export function parsePartHead(head: Buffer): PartHead | null {
  const headers = new Map<string, string>()
  // Mail libraries fold long lines (RFC 5322, section 2.2.3).
  const lines = head
    .toString('latin1')
    .replaceAll(/\r\n[ \t]/g, ' ')
    .split('\r\n')
  // Behind the boundary there may be spaces before its line ends.
  for (const line of lines.slice(1)) {
    const [, name, value] = /^([^\s:]+)[ \t]*:([^\r\n]*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) return null
    if (!headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), value.trim())
  }
  // A backslash escapes itself and quotes alone: some browsers wrote whole paths of Windows.
  const disposition = headers.get('content-disposition')?.replaceAll(/\\(?!["\\])/g, '\\\\') ?? ''
  const { type, parameters } = parse(disposition, { extended: false })
  if (type !== 'form-data' || lines[0]?.trim() !== '' || !parameters.name) return null
  const contentType = headers.get('content-type') ?? null
  const named = Object.keys(parameters).some((key) => /^filename(\*|$)/.test(key))
  return {
    name: textOf(parameters.name),
    isFile: named || isMediaType(contentType ?? undefined, 'application/octet-stream'),
    fileName: fileNameIn(parameters),
    type: contentType,
  }
}
