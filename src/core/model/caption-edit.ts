import {
  CAPTION_UNITS,
  encodeCaption,
  escapeName,
  FIELD,
  findLine,
  newCaptionId,
} from './caption.ts'

/** Where a post is shown, as its line says it. */
export interface Place {
  /** Null: the line says none, and the name of the document stands for it. */
  readonly name: string | null
  /** The folder in which it lies; null: the root, or the line says none. */
  readonly folderId: string | null
}

/**
 * The caption of a file's post that is renamed or moved. Of our line only name and folder change: fields
 * of later versions stay, and so does all that people have written around it. A caption without a line
 * gets one behind what is there, unless it would say nothing. Doing it again changes nothing.
 *
 * Returns null where the text of people leaves no room for the name.
 */
export function editCaption(caption: string, place: Place): string | null {
  const line = findLine(caption)
  if (line && line.kind !== 'folder') return placeIn(cutLine(caption, line), caption, place)
  const saysNothing = place.name === null && place.folderId === null
  return saysNothing ? caption : placeIn(openLine(caption, newCaptionId()), caption, place)
}

/** The text of a folder's message, in the same way. Null also where it has no line. */
export function editFolderText(text: string, place: Place): string | null {
  const line = findLine(text)
  return line && placeIn(cutLine(text, line), text, place)
}

/** The caption of a copy of that post, which is a post with an id of its own. */
export function copyCaption(caption: string, place: Place, id: string): string | null {
  const line = findLine(caption)
  if (!line || line.kind === 'folder') return placeIn(openLine(caption, id), caption, place)
  const { before, behind } = cutLine(caption, line)
  const { start } = line
  // The first id counts, and is that of the line.
  const fields = before.slice(start).replace(/(?<!\S)id=\S+/, `id=${id}`)
  return placeIn({ before: before.slice(0, start) + fields, behind }, caption, place)
}

function placeIn({ before, behind }: Cut, caption: string, place: Place): string | null {
  const { name, folderId } = place
  // An account that could write a longer one may do so again.
  const units = Math.max(CAPTION_UNITS, caption.length)
  const said = folderId === null ? before : `${before} folder=${folderId}`
  if (name === null) return within(units, said + behind)
  const beginning = `${said} name=`
  const escaped = escapeName(name, units - beginning.length - behind.length)
  return within(units, beginning + escaped + behind)
}

interface Cut {
  /** The caption up to where name and folder belong. */
  readonly before: string
  readonly behind: string
}

function cutLine(caption: string, line: { start: number; text: string }): Cut {
  const { start, text } = line
  const last = [...text.matchAll(FIELD)].at(-1)
  const end = last === undefined ? 0 : last.index + last[0].length
  const kept = text.slice(0, end).replace(/(?<!\S)(?:name|folder)=\S+\s*/g, '')
  return {
    before: caption.slice(0, start) + kept.trimEnd(),
    behind: caption.slice(start + end),
  }
}

function openLine(caption: string, id: string): Cut {
  const nothing = { folderId: null, name: null, modifiedAt: null, sha256: null, crc32: null }
  const line = encodeCaption({ id, kind: 'file', ...nothing })
  // The first line counts: that of a folder, which says nothing of a file, must come behind ours.
  if (findLine(caption)) return { before: line, behind: `\n${caption}` }
  return { before: caption === '' ? line : `${caption}\n${line}`, behind: '' }
}

function within(units: number, caption: string): string | null {
  return caption.length <= units ? caption : null
}
