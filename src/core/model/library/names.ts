/** Words of a search beyond these are not looked for. */
export const MAX_WORDS = 8
/** Characters by which names are put in order: the rest decides nothing. */
const SORTED_LENGTH = 64

/**
 * A name as it is searched: without accents and case, in one Unicode form, each run of control
 * characters and white space as one space. Two names that look alike to a person are alike here.
 */
export function foldName(name: string): string {
  return (
    name
      .toWellFormed()
      .normalize('NFKD')
      .replace(/\p{M}+/gu, '')
      // Upper case first: it makes `ss` of `ß`.
      .toUpperCase()
      .toLowerCase()
      .replace(/ς/g, 'σ')
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim()
  )
}

/** Whether two files have one name: NFC and NFD make no difference, case does. */
export function isSameName(a: string, b: string): boolean {
  return a.normalize('NFC') === b.normalize('NFC')
}

/** The words of a search, folded as names are. */
export function searchWords(query: string): string[] {
  const words = foldName(query).split(' ')
  return [...new Set(words.filter((word) => word !== ''))].slice(0, MAX_WORDS)
}

/**
 * A folded name as it is sorted: by code points, but numbers in it by their value. Before each
 * number stands how many digits it has, so `img 2` comes before `img 10`.
 */
export function sortName(folded: string): string {
  const key = folded.replace(/\d+/g, (digits) => {
    const number = digits.replace(/^0+(?=\d)/, '')
    return `${String.fromCharCode(0x30 + Math.min(number.length, 48))}${number}`
  })
  return Array.from(key.slice(0, 2 * SORTED_LENGTH))
    .slice(0, SORTED_LENGTH)
    .join('')
    .toWellFormed()
}

/** Bytes of UTF-8 that a folder's name has at most: escaped, as many always fit into its message. */
export const MAX_FOLDER_NAME_BYTES = 255

/**
 * A folder's name as a segment of a path. The name is text from a stranger: slashes, control
 * characters and what would not be a segment (`..`) become `_`, and what is too long is cut. NFC and
 * NFD are one name.
 */
export function folderSegment(name: string): string {
  const segment = name
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Cc}/\\]/gu, '_')
    .trim()
  if (Buffer.byteLength(segment) > MAX_FOLDER_NAME_BYTES) return cut(segment)
  return /^\.{0,2}$/.test(segment) ? '_'.repeat(Math.max(1, segment.length)) : segment
}

/** As much of a segment as fits, in whole characters. */
function cut(segment: string): string {
  const room = new Uint8Array(MAX_FOLDER_NAME_BYTES)
  const { read } = new TextEncoder().encodeInto(segment, room)
  return segment.slice(0, read).trim()
}
