import { badBotRequest } from '../bot-api-error.ts'

/** The fields of the head of a form's part. */
export interface PartHead {
  name: string
  /** Null for a plain field. */
  fileName: string | null
  contentType: string | null
}

/** One parameter of a header, and the text after it. */
interface Parameter {
  key: string
  value: string
  rest: string
}

const SPACE = /[ \t\r\n\0\v]/

/**
 * Reads the head of a part as TDLib's HTTP reader does (tdnet/td/net/HttpReader.cpp): a line ends
 * with CRLF and nothing else, a quoted value may hold whatever its escapes protect, `filename*` is
 * not known, and of two parameters of one name the last one counts.
 *
 * The text is bytes, one per character: no character that UTF-8 is made of can end a line or a
 * value then, and a name's last byte is never taken for a space.
 */
export function parsePartHead(head: Buffer): PartHead {
  const found: PartHead = { name: '', fileName: null, contentType: null }
  for (const line of unfold(head.toString('latin1'))) {
    const colon = line.indexOf(':')
    if (colon === -1) throw badBotRequest("can't parse form data headers")
    const header = trim(line.slice(0, colon)).toLowerCase()
    const value = trim(line.slice(colon + 1))
    if (header === 'content-disposition') readDisposition(value, found)
    if (header === 'content-type') found.contentType = decode(value)
  }
  if (found.name === '') throw badBotRequest('field name in multipart/form-data not found')
  return found
}

/** The lines of a head; one that begins with a space belongs to the one before it. */
function unfold(head: string): string[] {
  const lines: string[] = []
  for (const line of head.split('\r\n')) {
    if (/^[ \t]/.test(line) && lines.length > 0) lines.push(`${lines.pop()}\r\n${line}`)
    else if (line !== '') lines.push(line)
  }
  return lines
}

function readDisposition(value: string, found: PartHead): void {
  const type = 'form-data;'
  if (!value.startsWith(type)) throw badBotRequest('expected form-data content disposition')
  let rest = value.slice(type.length)
  for (;;) {
    const parameter = readParameter(rest)
    if (!parameter) return
    if (parameter.key === 'name') found.name = decode(percentDecoded(parameter.value))
    if (parameter.key === 'filename') found.fileName = decode(percentDecoded(parameter.value))
    rest = parameter.rest
  }
}

function readParameter(text: string): Parameter | null {
  const equals = text.indexOf('=')
  if (equals === -1) return null
  const key = trim(text.slice(0, equals))
  const rest = trim(text.slice(equals + 1))
  if (rest.startsWith('"')) return { key, ...readQuoted(rest) }
  const end = rest.indexOf(';')
  if (end === -1) return { key, value: rest, rest: '' }
  return { key, value: trim(rest.slice(0, end)), rest: rest.slice(end + 1) }
}

function readQuoted(text: string): { value: string; rest: string } {
  let value = ''
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '"') return { value, rest: afterSemicolon(text.slice(at + 1)) }
    if (text[at] === '\\' && ++at === text.length)
      throw badBotRequest('wrong escape sequence in Content-Disposition header')
    value += text[at]
  }
  throw badBotRequest('unclosed quoted string in Content-Disposition header')
}

function afterSemicolon(text: string): string {
  const rest = trim(text)
  if (rest !== '' && !rest.startsWith(';'))
    throw badBotRequest("expected ';' in Content-Disposition header")
  return rest.slice(1)
}

/** A percent sign that begins no escape stays as it is. */
const percentDecoded = (bytes: string): string =>
  bytes.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )

const decode = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

/** `String.trim` would take the byte 0xA0 away, which ends many a character of UTF-8. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && SPACE.test(text.charAt(start))) start++
  while (end > start && SPACE.test(text.charAt(end - 1))) end--
  return text.slice(start, end)
}
