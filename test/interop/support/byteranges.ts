export interface Part {
  headers: Headers
  body: Buffer
}

/** The parts of a `multipart/byteranges` body, read by the letter of RFC 2046. */
export function parseByteranges(contentType: string, bytes: Buffer): Part[] {
  const [, boundary] = /^multipart\/byteranges; ?boundary="?([^"]+)"?$/.exec(contentType) ?? []
  if (boundary === undefined) throw new Error(`not multipart/byteranges: ${contentType}`)
  const delimiter = `\r\n--${boundary}`
  // latin1 keeps every byte a character of its own.
  const [preamble, ...pieces] = `\r\n${bytes.toString('latin1')}`.split(delimiter)
  if (preamble !== '' || pieces.pop() !== '--\r\n') throw new Error('the body has no clean ends')
  return pieces.map(parsePart)
}

function parsePart(piece: string): Part {
  const end = piece.indexOf('\r\n\r\n')
  if (!piece.startsWith('\r\n') || end === -1) throw new Error('a part has no end of its headers')
  const lines = piece.slice(2, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { headers: new Headers(headers), body: Buffer.from(piece.slice(end + 4), 'latin1') }
}
