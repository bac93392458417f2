/** Raw HTTP/1.1, byte for byte: `fetch` would mend what these tests need broken. */

/** Of these tests alone: spoilt requests put them in places that are rightly answered or logged. */
export const TOKEN = 'token-fuzzer'
export const LINK = 'link-token-fuzzer'
export const OTHER_TOKEN = 'token-fuzzeve'
/** An upload of two chunks that is open when a run begins, and a file that is in Telegram. */
export const OPEN_UPLOAD = 'fuzz_open_upload'
export const MESSAGE_ID = 1
/** Part of every name that a hostile request wants to write or set. */
export const CANARY = 'fuzzcanary'

export interface HostileRequest {
  /** Says the attack. */
  name: string
  /** Sent one after another, each in a packet of its own. */
  pieces: readonly Buffer[]
  /** What may come back: statuses, or `closed` for a connection that ends without an answer. */
  expected?: readonly (number | 'closed')[]
  /** Ends the connection at once after the last byte, instead of waiting for an answer. */
  cut?: boolean
}

/** Whether some answer may have no body although its headers say so. */
export function mayBeHead({ pieces }: HostileRequest): boolean {
  return Buffer.concat(pieces).includes('HEAD')
}

export type Header = readonly [name: string, value: string]

export interface RawRequest {
  method: string
  target: string
  version: string
  headers: readonly Header[]
  body: Buffer
}

const HOST: Header = ['Host', 'worker.test']

export function toBytes({ method, target, version, headers, body }: RawRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = `${method} ${target} ${version}\r\n${lines}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}

export function get(target: string, headers: readonly Header[] = []): RawRequest {
  const all = [HOST, ...headers]
  return { method: 'GET', target, version: 'HTTP/1.1', headers: all, body: Buffer.alloc(0) }
}

/** A POST whose length is right. */
export function post(
  target: string,
  contentType: string,
  body: string | Buffer,
  headers: readonly Header[] = [],
): RawRequest {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const described: Header[] = [
    ['Content-Type', contentType],
    ['Content-Length', String(bytes.length)],
  ]
  const all = [HOST, ...described, ...headers]
  return { method: 'POST', target, version: 'HTTP/1.1', headers: all, body: bytes }
}

export function postJson(target: string, body: unknown, headers: readonly Header[] = []) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return post(target, 'application/json', text, headers)
}

export interface Part {
  /** The lines between the boundary and the empty line, without the last line end. */
  head: string
  body: string | Buffer
}

export const BOUNDARY = '----fuzz'

export const field = (name: string, value: string): Part => ({
  head: `Content-Disposition: form-data; name="${name}"`,
  body: value,
})

export const filePart = (name: string, bytes: string | Buffer, fileName = 'blob'): Part => ({
  head:
    `Content-Disposition: form-data; name="${name}"; filename="${fileName}"\r\n` +
    'Content-Type: application/octet-stream',
  body: bytes,
})

export function formBody(parts: readonly Part[], boundary = BOUNDARY, end = true): Buffer {
  const pieces = parts.flatMap(({ head, body }) => [
    Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`),
    Buffer.from(body as string),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...pieces, Buffer.from(end ? `--${boundary}--\r\n` : '')])
}

export function postForm(target: string, parts: readonly Part[], headers: readonly Header[] = []) {
  const type = `multipart/form-data; boundary=${BOUNDARY}`
  return post(target, type, formBody(parts), headers)
}

/** The fields of a chunk that is good, unless `changes` say otherwise. */
export function chunkFields(changes: Record<string, string> = {}): Record<string, string> {
  const good = { uploadId: 'fuzz_chunk', chunkIndex: '0', totalChunks: '1', fileName: 'f.bin' }
  return { ...good, fileSize: '3', authToken: TOKEN, ...changes }
}

export function chunkParts(changes: Record<string, string> = {}, bytes = 'abc'): Part[] {
  const fields = Object.entries(chunkFields(changes)).map(([name, value]) => field(name, value))
  return [filePart('chunk', bytes), ...fields]
}

export function hostile(
  name: string,
  request: RawRequest | string | Buffer,
  ...expected: (number | 'closed')[]
): HostileRequest {
  const bytes =
    typeof request === 'string'
      ? Buffer.from(request, 'latin1')
      : Buffer.isBuffer(request)
        ? request
        : toBytes(request)
  return { name, pieces: [bytes], ...(expected.length > 0 && { expected }) }
}
