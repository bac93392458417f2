/**
 * The file's name in a `Content-Disposition` (RFC 6266, RFC 8187): `filename*` before `filename`.
 * Null when there is none that can be read. It may hold anything: whoever makes a path of it
 * looks at it first.
 */
export function fileNameIn(header: string | null): string | null {
  if (header === null) return null
  const [, encoded] = /;\s*filename\*\s*=\s*UTF-8'[^']*'([^;\s]+)/i.exec(header) ?? []
  const decoded = encoded === undefined ? null : decode(encoded)
  if (decoded !== null) return decoded
  const [, quoted, plain] =
    /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(header) ?? []
  return quoted?.replace(/\\(.)/g, '$1') ?? plain ?? null
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
