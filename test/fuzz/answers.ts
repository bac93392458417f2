/** A strict reader of HTTP/1.1 answers: what it does not know by the RFC is a finding. */

export interface Answer {
  status: number
  headers: Map<string, string>
  body: Buffer
}

export interface ReadAnswers {
  answers: Answer[]
  /** Why the bytes are no sequence of answers, or null. */
  problem: string | null
  /** Whether the last answer is whole. */
  complete: boolean
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/
const HEADER_LINE = /^([!#$%&'*+.^_`|~\dA-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)$/

/** `mayBeHeads`: the bodies that lengths announce may be missing, as after HEAD. */
export function readAnswers(bytes: Buffer, mayBeHeads: boolean): ReadAnswers {
  const answers: Answer[] = []
  let at = 0
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end < 0) return { answers, problem: null, complete: false }
    const head = readHead(bytes.toString('latin1', at, end))
    if (typeof head === 'string') return { answers, problem: head, complete: false }
    const from = end + 4
    const length = bodyEnd(bytes, from, head, mayBeHeads)
    if (length === 'partial') return { answers, problem: null, complete: false }
    if (length === 'broken') return { answers, problem: 'a broken chunked body', complete: false }
    at = length
    if (head.status >= 200) answers.push({ ...head, body: bodyOf(bytes, from, at, head) })
  }
  return { answers, problem: null, complete: answers.length > 0 }
}

type Head = Omit<Answer, 'body'>

function readHead(text: string): Head | string {
  const [first = '', ...lines] = text.split('\r\n')
  const [, status] = STATUS_LINE.exec(first) ?? []
  if (status === undefined) return `not a status line: ${JSON.stringify(first.slice(0, 200))}`
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) {
      return `not a header line: ${JSON.stringify(line.slice(0, 200))}`
    }
    if (headers.has(name.toLowerCase())) return `the header ${name} came twice`
    headers.set(name.toLowerCase(), value)
  }
  return { status: Number(status), headers }
}

function bodyEnd(
  bytes: Buffer,
  from: number,
  { status, headers }: Head,
  mayBeHead: boolean,
): number | 'partial' | 'broken' {
  if (status < 200 || status === 204 || status === 304) return from
  const follows = bytes.toString('latin1', from, from + 7)
  if (mayBeHead && (follows === '' || follows === 'HTTP/1.')) return from
  if (headers.get('transfer-encoding') === 'chunked') return chunkedEnd(bytes, from)
  const end = from + Number(headers.get('content-length') ?? Number.NaN)
  // Without a length the body ends with the connection.
  if (Number.isNaN(end)) return bytes.length
  return end <= bytes.length ? end : 'partial'
}

function chunkedEnd(bytes: Buffer, from: number): number | 'partial' | 'broken' {
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return 'partial'
    const size = bytes.toString('latin1', at, lineEnd)
    if (!/^[\da-f]{1,8}$/i.test(size)) return 'broken'
    at = lineEnd + 2 + Number.parseInt(size, 16) + 2
    if (at > bytes.length) return 'partial'
    if (bytes.toString('latin1', at - 2, at) !== '\r\n') return 'broken'
    if (Number.parseInt(size, 16) === 0) return at
  }
}

function bodyOf(bytes: Buffer, from: number, to: number, { headers }: Head): Buffer {
  if (headers.get('transfer-encoding') !== 'chunked') return bytes.subarray(from, to)
  const pieces: Buffer[] = []
  for (let at = from; at < to; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
  return Buffer.concat(pieces)
}
