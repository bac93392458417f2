import { randomBytes } from 'node:crypto'
import type { PostKind } from '../ports/records.ts'

/*
 * The line by which a post describes itself, so that everything can be found again by the channel
 * alone. docs/format.md is its specification: whatever changes here changes there.
 */

const TAG = '#telestore'
const VERSION = '1'
/** UTF-16 units that Telegram takes in a caption (`caption_length_max`). */
export const CAPTION_UNITS = 1024
/** Characters of a cut name's ending: an extension, and a volume's number behind it. */
const ENDING_LENGTH = 16
/** Stands where a name was cut. Inside a name it is escaped. */
const CUT = '*'
/** What people see in place of the part that is not known. */
const ELLIPSIS = '…'

/** What a post says about itself. All of it but `id` and `kind` may be unknown. */
export interface PostDescription {
  /** 16 random bytes in lower-case hex, the same for all posts of one file; a folder's own id. */
  readonly id: string
  readonly kind: PostKind
  /** The folder in which it lies, an id of the same form; null: the root. */
  readonly folderId: string | null
  readonly name: string | null
  /** Epoch milliseconds. */
  readonly modifiedAt: number | null
  /** Lower-case hex. A claim: whoever may edit the caption may write another one. */
  readonly sha256: string | null
  /** The same, 8 digits. */
  readonly crc32: string | null
  /** Of a volume: the SHA-256 of the whole file, which the last one tells. */
  readonly wholeSha256?: string
}

/** An id that nobody can guess, and that tells nothing. */
export function newCaptionId(): string {
  return randomBytes(16).toString('hex')
}

/** The caption of a post: one line of ASCII, within Telegram's limit. A name that is too long is cut. */
export function encodeCaption(description: PostDescription): string {
  const { id, kind, folderId, name, modifiedAt, sha256, crc32, wholeSha256 } = description
  const fields = [
    ['v', VERSION],
    ['id', id],
    ['kind', kindToText(kind)],
    ['folder', folderId],
    ['modified', modifiedAt === null ? null : timeToText(modifiedAt)],
    ['sha256', sha256],
    ['crc32', crc32],
    ['wholesha256', wholeSha256 ?? null],
  ]
  const known = fields.filter(([, value]) => value !== null)
  const line = [TAG, ...known.map(([key, value]) => `${key}=${value}`)].join(' ')
  if (!name) return line
  const beginning = `${line} name=`
  return beginning + escapeName(name, CAPTION_UNITS - beginning.length)
}

/**
 * What the first line of ours in a caption says, or null where there is none. Never throws,
 * whatever a person has made of it: a field that cannot be read is as if it were not there.
 * `documentName` is the name of the document itself. It stands for a name that the line lacks, and
 * for one that was cut if it may be that one.
 */
export function decodeCaption(
  caption: string,
  documentName: string | null,
): PostDescription | null {
  const line = findLine(caption)
  if (line === null) return null
  const { id, kind, fields } = line
  const wholeSha256 = hexIn(fields.get('wholesha256'), 64)
  return {
    id,
    kind,
    folderId: hexIn(fields.get('folder'), 32),
    name: nameIn(fields.get('name'), documentName),
    modifiedAt: timeIn(fields.get('modified')),
    sha256: hexIn(fields.get('sha256'), 64),
    crc32: hexIn(fields.get('crc32'), 8),
    ...(wholeSha256 !== null && { wholeSha256 }),
  }
}

/** The line of ours that counts in a caption. */
export interface CaptionLine {
  /** Where its first field begins, behind the tag. */
  readonly start: number
  /** What stands from there to the line's end. */
  readonly text: string
  readonly id: string
  readonly kind: PostKind
  /** The first of each key, as it stands there. */
  readonly fields: ReadonlyMap<string, string>
}

export const FIELD = /(?<!\S)([a-z0-9]+)=(\S+)/g

export function findLine(caption: string): CaptionLine | null {
  for (const match of caption.matchAll(/(?<!\S)#telestore[ \t]+([^\n]*)/g)) {
    const [whole, text = ''] = match
    const fields = new Map<string, string>()
    for (const [, key = '', value = ''] of text.matchAll(FIELD)) {
      if (!fields.has(key)) fields.set(key, value)
    }
    const id = hexIn(fields.get('id'), 32)
    const kind = kindIn(fields.get('kind'))
    if (fields.get('v') !== VERSION || id === null || kind === null) continue
    return { start: match.index + whole.length - text.length, text, id, kind, fields }
  }
  return null
}

/** The first line of ours, as it stands there, or null: two posts of one line are one post. */
export function lineOfOurs(text: string): string | null {
  return /(?<!\S)#telestore[ \t][^\n]*/.exec(text)?.[0].trim() ?? null
}

/** Whether they name the same one of the posts of a file. */
export function isSameKind(one: PostKind, other: PostKind): boolean {
  return kindToText(one) === kindToText(other)
}

function kindToText(kind: PostKind): string {
  return typeof kind === 'string' ? kind : `volume-${kind.volume}-of-${kind.of}`
}

/** Null for a kind of a later version, which this one must not take for a file. */
function kindIn(text = 'file'): PostKind | null {
  if (text === 'file' || text === 'manifest' || text === 'folder') return text
  const [, volume, of] = (/^volume-(\d{1,9})-of-(\d{1,9})$/.exec(text) ?? []).map(Number)
  if (volume === undefined || of === undefined) return null
  return volume >= 1 && volume <= of ? { volume, of } : null
}

function hexIn(text: string | undefined, digits: number): string | null {
  const isHex = text?.length === digits && /^[0-9a-f]+$/i.test(text)
  return isHex ? text.toLowerCase() : null
}

/** Null for a time outside the years 0 to 9999, whose text has another form. */
function timeToText(time: number): string | null {
  const date = new Date(time)
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString()
  return /^\d/.test(text) ? text : null
}

function timeIn(text = ''): number | null {
  const [, second, fraction = '.000'] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{3})?Z$/.exec(text) ?? []
  if (second === undefined) return null
  const whole = `${second}${fraction}Z`
  const time = Date.parse(whole)
  // Of February 30 the parser makes a day in March.
  return !Number.isNaN(time) && timeToText(time) === whole ? time : null
}

/** Escapes a name, and cuts it where it takes more than `units`; its ending may still take more. */
export function escapeName(unsafe: string, units: number): string {
  const name = unsafe.toWellFormed()
  // A character takes at least one unit: whatever is longer than this does not fit anyway.
  const whole = name.length <= units ? escapeText(name) : null
  if (whole !== null && whole.length <= units) return whole
  const ending = escapeText(
    Array.from(name.slice(-2 * ENDING_LENGTH))
      .slice(-ENDING_LENGTH)
      .join(''),
  )
  let beginning = ''
  for (const character of name) {
    const longer = beginning + escapeText(character)
    if (longer.length + CUT.length + ending.length > units) break
    beginning = longer
  }
  return `${beginning}${CUT}${ending}`
}

/**
 * Percent-encodes all but letters, digits and hyphens: in Telegram's apps a dot makes a link, `@` a
 * mention, and two underscores or stars make a format as soon as a person edits the caption.
 */
function escapeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[_.!~*'()]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function nameIn(escaped: string | undefined, documentName: string | null): string | null {
  const parts = (escaped ?? '').split(CUT).map(unescapeText)
  const [beginning, ending] = parts
  if (parts.length > 2 || !escaped || beginning == null || ending === null) return documentName
  if (ending === undefined) return beginning
  const isCutOf =
    documentName !== null &&
    documentName.length > beginning.length + ending.length &&
    documentName.startsWith(beginning) &&
    documentName.endsWith(ending)
  return isCutOf ? documentName : `${beginning}${ELLIPSIS}${ending}`
}

function unescapeText(escaped: string): string | null {
  try {
    return decodeURIComponent(escaped)
  } catch {
    return null
  }
}
