import type { FileKind } from 'telestore-client'

/** What the library shows: a folder, or what a search finds. It stands in the address of the page. */
export interface Place {
  /** Path with a slash at the beginning; `/` for the root. */
  folder: string
  /** Words of a search in the folder and below; empty: none. */
  words: string
  kind: FileKind | null
}

/** The kinds that the worker tells apart. */
export const KINDS = [
  'video',
  'audio',
  'image',
  'document',
  'archive',
  'other',
] as const satisfies FileKind[]

export interface Crumb {
  path: string
  name: string
}

export const ROOT: Place = { folder: '/', words: '', kind: null }

/** Parses the part of an address from `#` on. */
export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?')
  const fields = new URLSearchParams(query)
  return {
    folder: pathOf(path.split('/').filter(Boolean).map(decode)),
    words: fields.get('q') ?? '',
    kind: KINDS.find((kind) => kind === fields.get('kind')) ?? null,
  }
}

export function hashOf({ folder, words, kind }: Place): string {
  const fields = new URLSearchParams()
  if (words) fields.set('q', words)
  if (kind) fields.set('kind', kind)
  const query = fields.size > 0 ? `?${fields}` : ''
  return `#/${namesOf(folder).map(encodeURIComponent).join('/')}${query}`
}

/** Returns the names from the root down. */
export function namesOf(folder: string): string[] {
  return folder.split('/').filter(Boolean)
}

/** Returns the folders around this one and itself, without the root. */
export function crumbsOf(folder: string): Crumb[] {
  const names = namesOf(folder)
  return names.map((name, index) => ({ name, path: pathOf(names.slice(0, index + 1)) }))
}

export function parentOf(folder: string): string {
  return pathOf(namesOf(folder).slice(0, -1))
}

export function pathOf(names: readonly string[]): string {
  return `/${names.join('/')}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // An address that was typed by hand.
    return text
  }
}
