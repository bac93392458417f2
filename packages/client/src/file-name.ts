/**
 * Returns the file name in a `Content-Disposition` (RFC 6266, RFC 8187): `filename*` before `filename`,
 * null when there is none. The name may hold any characters: check it before you make a path of it.
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
