/** Parameters of a `Content-Disposition`; each value holds its bytes as latin1. */
type Parameters = Readonly<Record<string, string>>

/**
 * Returns the file name in a part's `Content-Disposition`, without folders, or null. `filename*`
 * wins over `filename` (RFC 6266, section 4.3), unless its escapes or its charset are wrong. Next
 * come the continuations of RFC 2231, section 3, by which mail libraries send long names.
 */
export function fileNameIn(parameters: Parameters): string | null {
  const extended = parameters['filename*']
  const name =
    (extended === undefined ? null : decodeExtended(extended)) ??
    joinContinuations(parameters) ??
    (parameters.filename === undefined ? null : decodePlain(parameters.filename)) ??
    // A name with wrong escapes is better than none.
    (extended === undefined ? null : textOf(extended.replace(/^[^']*'[^']*'/, '')))
  const last = name?.split(/[/\\]/).at(-1) ?? ''
  return ['', '.', '..'].includes(last) ? null : last
}

/** Decodes text that was sent unescaped: in UTF-8, or, by old programs, in windows-1252. */
export function textOf(value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  // Browsers escape these three and no other (WHATWG HTML, section 4.10.21.8).
  return (decode(bytes, 'utf-8') ?? decode(bytes, 'windows-1252') ?? value)
    .replaceAll('%22', '"')
    .replaceAll(/%0D/gi, '\r')
    .replaceAll(/%0A/gi, '\n')
}

/** Decodes `filename`: unescaped text, or the encoded words of RFC 2047, which .NET sends. */
function decodePlain(value: string): string {
  const words = value
    .trim()
    .split(/[ \t]+/)
    .map(decodeWord)
  return words.includes(null) ? textOf(value) : words.join('')
}

function decodeWord(word: string): string | null {
  const [, charset, encoding, text] =
    /^=\?([\w.:-]+)(?:\*[\w-]+)?\?([bq])\?([^?]*)\?=$/i.exec(word) ?? []
  if (charset === undefined || text === undefined) return null
  if (encoding?.toLowerCase() === 'b') return decode(Buffer.from(text, 'base64'), charset)
  const escaped = text.replaceAll('_', ' ').replaceAll(/=([0-9a-f]{2})/gi, '%$1')
  return decode(percentDecoded(escaped), charset)
}

/**
 * Decodes `charset'language'text` with escapes (RFC 8187, section 3.2); null if it is malformed.
 */
function decodeExtended(value: string): string | null {
  const [, charset, text] = /^([^']+)'[^']*'(.*)$/.exec(value) ?? []
  if (charset === undefined || text === undefined || /%(?![0-9a-f]{2})/i.test(text)) return null
  return decode(percentDecoded(text), charset)
}

/**
 * Joins `filename*0`, `filename*1`, … or, with escapes, `filename*0*`: the first one names the
 * charset.
 */
function joinContinuations(parameters: Parameters): string | null {
  let joined = ''
  for (let index = 0; ; index++) {
    const escaped = parameters[`filename*${index}*`]
    const plain = parameters[`filename*${index}`]?.replaceAll('%', '%25')
    const piece = escaped ?? (index === 0 && plain !== undefined ? `utf-8''${plain}` : plain)
    if (piece === undefined) break
    joined += piece
  }
  return decodeExtended(joined)
}

function percentDecoded(text: string): Buffer {
  const bytes = text.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1')
}

/** Returns null if the charset is unknown, or the bytes are not valid in it. */
function decode(bytes: Buffer, charset: string): string | null {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
