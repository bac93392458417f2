import type { ArchiveOptions, Download, DownloadOptions } from './api.ts'
import { type Caller, parseObject, rawAnswer, toError } from './call.ts'
import { isRetryable, networkError, TeleStoreError } from './error.ts'
import { fileNameIn } from './file-name.ts'
import { createSha256 } from './lib/sha256.ts'
import { withTimeout } from './lib/with-timeout.ts'
import type { ArchiveContent } from './options.ts'
import { withRetries } from './retry.ts'
import { badAnswer } from './wire.ts'

/** A connection without a byte for so long counts as broken. */
const SILENCE = { ms: 60_000, message: 'no byte for 60 s' }

/** Requests the file, or its range. Resolves when the head of the answer is here. */
export function startDownload(
  caller: Caller,
  messageId: number,
  { fileName, fileId, ...options }: DownloadOptions,
): Promise<Download> {
  const path = pathOf('/download', { messageId: String(messageId), fileName, fileId })
  return start(caller, path, options)
}

/** The same for an archive. */
export function startArchive(
  caller: Caller,
  content: ArchiveContent,
  { fileName, ...options }: ArchiveOptions,
): Promise<Download> {
  const named = 'items' in content ? { items: content.items.join(',') } : content
  return start(caller, pathOf('/archive', { ...named, fileName }), options)
}

async function start(
  caller: Caller,
  path: string,
  options: Omit<DownloadOptions, 'fileName' | 'fileId'>,
): Promise<Download> {
  const { range, ifRange, attempts = 10 } = options
  // Aborts the request when the reader cancels the body.
  const cancelled = new AbortController()
  const signal = options.signal
    ? AbortSignal.any([options.signal, cancelled.signal])
    : cancelled.signal
  const request = { caller, path, signal }
  const wanted = range && { header: rangeHeader(range.start, range.end), ifRange: ifRange ?? null }
  const first = await withRetries(() => ask(request, wanted ?? null), { attempts, signal })
  const { head } = first
  return {
    status: head.status,
    headers: head.headers,
    fileName: fileNameIn(head.headers.get('content-disposition')),
    mimeType: head.headers.get('content-type'),
    etag: head.etag,
    sha256: head.sha256,
    size: head.size,
    range: { start: head.start, end: head.end },
    body: toStream(checked(head, bytesOf(request, first, attempts)), () =>
      cancelled.abort(cancelledByReader()),
    ),
  }
}

interface Request {
  caller: Caller
  path: string
  signal: AbortSignal
}

interface Head {
  status: 200 | 206
  headers: Headers
  etag: string | null
  /** Hex. */
  sha256: string | null
  size: number
  start: number
  end: number
}

interface Answer {
  head: Head
  reader: ReadableStreamDefaultReader<Uint8Array>
}

interface Wanted {
  header: string
  /** The range is wanted only of the file with this ETag. */
  ifRange: string | null
}

async function ask({ caller, path, signal }: Request, wanted: Wanted | null): Promise<Answer> {
  const headers = {
    accept: '*/*',
    ...(wanted && { range: wanted.header }),
    ...(wanted?.ifRange && { 'if-range': wanted.ifRange }),
  }
  const open = (timeout: AbortSignal) =>
    caller.open(path, { headers, signal: AbortSignal.any([signal, timeout]) })
  const response = await withTimeout(open, SILENCE).catch((error: unknown) => {
    signal.throwIfAborted()
    throw networkError(error)
  })
  if (response.status !== 200 && response.status !== 206) {
    const answer = await rawAnswer(response)
    throw toError(answer, parseObject(answer.text))
  }
  const head = headOf(response)
  const reader = response.body?.getReader()
  if (!head || !reader) throw badAnswer()
  return { head, reader }
}

/**
 * Yields the bytes of the first answer, and of further answers when it breaks. A further answer is
 * used only if it is of a file with the same ETag and size, and begins where the last one broke; or at the
 * start, where the worker sends the file only whole.
 */
async function* bytesOf(
  request: Request,
  first: Answer,
  attempts: number,
): AsyncGenerator<Uint8Array> {
  const { signal } = request
  const { end, etag, size } = first.head
  let at = first.head.start
  let repeated = 0
  let { reader } = first
  let failures = 0
  while (at <= end) {
    try {
      const { done, value } = await withTimeout(() => reader.read(), SILENCE)
      if (done) throw networkError(new Error('the answer ended early'))
      const known = Math.min(repeated, value.length)
      repeated -= known
      if (known === value.length) continue
      failures = 0
      at += value.length - known
      yield value.subarray(known)
    } catch (error) {
      signal.throwIfAborted()
      const broken = networkError(error)
      await reader.cancel().catch(() => {})
      failures++
      // Without a strong ETag, the rest may be of another file.
      if (failures >= attempts || !isRetryable(broken) || etag === null) throw broken
      const wanted = { header: rangeHeader(at, end), ifRange: etag }
      const next = await withRetries(() => ask(request, wanted), { attempts, signal })
      const { head } = next
      const begins = head.start === at || head.status === 200
      if (!begins || head.etag !== etag || head.size !== size) {
        await next.reader.cancel().catch(() => {})
        throw new TeleStoreError('FILE_CHANGED', 'The file has changed while it was read')
      }
      repeated = at - head.start
      reader = next.reader
    }
  }
}

/** The same bytes, and at their end a failure if they are not those of the digest. */
async function* checked(
  { sha256, size, start, end }: Head,
  bytes: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (sha256 === null || start !== 0 || end !== size - 1) return yield* bytes
  const digest = createSha256()
  for await (const piece of bytes) {
    // Its reader may use the memory for something else.
    digest.update(piece)
    yield piece
  }
  if (digest.hex() !== sha256) {
    throw new TeleStoreError('FILE_DAMAGED', 'The file was damaged on its way. Download it again')
  }
}

/** Returns a stream without a buffer of its own: it reads on only when its reader does. */
function toStream(
  bytes: AsyncGenerator<Uint8Array>,
  onCancel: () => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await bytes.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  )
}

function headOf({ status, headers }: Response): Head | null {
  const tag = headers.get('etag')
  const etag = tag?.startsWith('W/') ? null : tag
  const sha256 = sha256In(headers.get('repr-digest'))
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '')
    if (!range) return null
    const [start = 0, end = 0, size = 0] = range.slice(1).map(Number)
    return { status, headers, etag, sha256, size, start, end }
  }
  const length = headers.get('content-length')
  if (status !== 200 || length === null) return null
  const size = Number(length)
  return { status, headers, etag, sha256, size, start: 0, end: size - 1 }
}

/** The SHA-256 of a `Repr-Digest` (RFC 9530), hex. */
function sha256In(header: string | null): string | null {
  // 32 bytes in base64.
  const [, base64] = /(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):/i.exec(header ?? '') ?? []
  if (base64 === undefined) return null
  const bytes = Array.from(atob(base64), (character) => character.charCodeAt(0))
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function rangeHeader(start: number, end: number | undefined): string {
  return `bytes=${start}-${end ?? ''}`
}

function pathOf(path: string, fields: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) query.set(name, value)
  }
  return `${path}?${query}`
}

function cancelledByReader(): DOMException {
  return new DOMException('The body is no longer wanted', 'AbortError')
}
