import { extname } from 'node:path'
import type { BotFile } from './file-ids.ts'

/** The path at which `/file/bot<token>/` serves a file. */
export function toFilePath({ document, isThumb }: BotFile): string {
  if (isThumb) return `thumbnails/file_${document.id}.jpg`
  const ending = extname(document.fileName)
  // Paths are plain ASCII: an ending in another script is left out.
  return `documents/file_${document.id}${/^\.\w+$/.test(ending) ? ending : ''}`
}

/** Reads a path: the document's id, and whether its thumbnail is meant. */
export function fromFilePath(path: string): { id: string; isThumb: boolean } | null {
  const found = /^(documents|thumbnails)\/file_(\d+)(?:\.\w+)?$/.exec(path)
  return found ? { id: found[2] ?? '', isThumb: found[1] === 'thumbnails' } : null
}
