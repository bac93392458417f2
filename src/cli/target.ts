import { stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'

/** File systems allow 255 bytes; the ending of a part file needs some of them. */
const MAX_NAME_BYTES = 180
/** Names that Windows keeps for devices. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i

/** Returns the path for a download. `output` is a folder, a path, or null for the working directory. */
export async function chooseTarget(output: string | null, served: string): Promise<string> {
  const name = safeName(served)
  if (output === null) return name
  const found = await stat(output).catch(() => null)
  return found?.isDirectory() || /[/\\]$/.test(output) ? join(output, name) : output
}

/**
 * Makes a served name safe as the name of a file: no path, no hidden file, no character that a shell, a
 * terminal or Windows treats as special.
 */
export function safeName(served: string): string {
  const last = basename(served.replaceAll('\\', '/'))
  const clean = last
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
    .replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069<>:"|?*]/g, '_')
    .replace(/^[.\s-]+/, '_')
    .replace(/[.\s]+$/, '')
  const usable = clean === '' || DEVICE.test(clean) ? `_${clean}` : clean
  const ending = extname(usable).slice(0, 20)
  const stem = usable.slice(0, usable.length - ending.length)
  return cut(stem, MAX_NAME_BYTES - Buffer.byteLength(ending)) + ending
}

/** Cuts between two characters. */
function cut(text: string, maxBytes: number): string {
  let kept = ''
  for (const character of text) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(character) > maxBytes) break
    kept += character
  }
  return kept
}
