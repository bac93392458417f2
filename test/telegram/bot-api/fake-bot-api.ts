import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

export const TOKEN = '123456:AAE-very-secret_part'

export interface PostedDocument {
  readonly chatId: string
  readonly fileName: string
  readonly mimeType: string
  readonly size: number
  readonly digest: string
  readonly detection: string
  readonly caption: string
  readonly silent: string
}

/** What becomes of one call of `sendDocument`. */
export type Answer =
  | { kind: 'ok' }
  | { kind: 'error'; code: number; description: string; retryAfter?: number; status?: number }
  | { kind: 'html'; status: number }
  /** Refuses as soon as the headers are here, and reads no further. */
  | { kind: 'early'; status: number; html?: boolean }
  /** Posts, then cuts the connection instead of answering. */
  | { kind: 'lost' }
  /** Cuts the connection in the middle of the body. */
  | { kind: 'cut' }
  | { kind: 'silence' }

export interface FakeBotApi {
  readonly root: string
  readonly posted: PostedDocument[]
  readonly calls: { url: string; at: number; headers: IncomingMessage['headers'] }[]
  readonly openConnections: () => Promise<number>
  /** What the next calls get; afterwards all is well again. */
  readonly script: Answer[]
  readonly files: Map<string, Buffer>
}

/** A Bot API of one method and a half; reads a part's file name as Telegram's server does. */
export async function startBotApi(): Promise<FakeBotApi> {
  const posted: PostedDocument[] = []
  const calls: FakeBotApi['calls'] = []
  const script: Answer[] = []
  const files = new Map<string, Buffer>()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? ''
    calls.push({ url, at: Date.now(), headers: request.headers })
    if (url.startsWith('/file/')) return sendFile(url, request, response)
    if (url.endsWith('/getFile')) return findFile(request, response)
    if (url !== `/bot${TOKEN}/sendDocument`) return refuse(response, 404, 'Not Found')
    await play(script.shift() ?? { kind: 'ok' }, request, response)
  }

  async function play(
    step: Answer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (step.kind === 'early') {
      const body = step.html ? '<html>Too large</html>' : errorBody(step.status, 'no')
      response.writeHead(step.status, { connection: 'close' }).end(body)
      return
    }
    if (step.kind === 'cut') {
      request.once('data', () => request.destroy())
      return
    }
    const document = parseDocument(await buffer(request), request.headers['content-type'] ?? '')
    if (step.kind === 'silence') return
    if (step.kind === 'html') {
      response.writeHead(step.status, { 'content-type': 'text/html' }).end('<html>no</html>')
      return
    }
    if (step.kind === 'error') {
      const { code, description, retryAfter } = step
      return refuse(response, code, description, retryAfter)
    }
    posted.push(document)
    if (step.kind === 'lost') request.socket.destroy()
    else response.end(JSON.stringify({ ok: true, result: toMessage(posted.length, document) }))
  }

  async function findFile(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = new URLSearchParams((await buffer(request)).toString()).get('file_id') ?? ''
    const file = files.get(id)
    if (!file) return refuse(response, 400, 'Bad Request: file is too big')
    const result = { file_id: id, file_size: file.length, file_path: `documents/${id}` }
    response.end(JSON.stringify({ ok: true, result }))
  }

  function sendFile(url: string, request: IncomingMessage, response: ServerResponse): void {
    const file = files.get(decodeURIComponent(url.split('/').at(-1) ?? '')) ?? Buffer.alloc(0)
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    response.writeHead(206).end(file.subarray(Number(from), Number(to) + 1))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    root: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    calls,
    script,
    files,
    openConnections: () =>
      new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
  }
}

function errorBody(code: number, description: string, retryAfter?: number): string {
  const parameters = retryAfter === undefined ? undefined : { retry_after: retryAfter }
  return JSON.stringify({ ok: false, error_code: code, description, parameters })
}

function refuse(
  response: ServerResponse,
  code: number,
  description: string,
  retryAfter?: number,
): void {
  response.writeHead(code).end(errorBody(code, description, retryAfter))
}

function toMessage(messageId: number, document: PostedDocument): object {
  return {
    message_id: messageId,
    date: 1,
    chat: { id: Number(document.chatId), type: 'channel' },
    document: { file_id: `file-${messageId}`, file_unique_id: `u${messageId}` },
  }
}

function parseDocument(body: Buffer, contentType: string): PostedDocument {
  const boundary = `--${/boundary=(.*)$/.exec(contentType)?.[1] ?? ''}`
  const fields = new Map<string, { head: string; content: Buffer }>()
  let at = body.indexOf(boundary)
  for (;;) {
    const start = at + boundary.length + 2
    const next = body.indexOf(`\r\n${boundary}`, start)
    if (next < 0) break
    const headEnd = body.indexOf('\r\n\r\n', start)
    const head = body.subarray(start, headEnd).toString('utf8')
    const name = /; name="([^"]*)"/.exec(head)?.[1] ?? ''
    fields.set(name, { head, content: body.subarray(headEnd + 4, next) })
    at = next + 2
  }
  const document = fields.get('document')
  if (!document) throw new Error('no document')
  return {
    chatId: fields.get('chat_id')?.content.toString() ?? '',
    caption: fields.get('caption')?.content.toString() ?? '',
    silent: fields.get('disable_notification')?.content.toString() ?? '',
    detection: fields.get('disable_content_type_detection')?.content.toString() ?? '',
    fileName: readFileName(document.head),
    mimeType: /^content-type: (.*)$/im.exec(document.head)?.[1] ?? '',
    size: document.content.length,
    digest: createHash('sha256').update(document.content).digest('hex'),
  }
}

/** A quoted string in which a backslash escapes, then URL decoding: in this order. */
function readFileName(head: string): string {
  const quoted = /filename="((?:\\.|[^"\\])*)"/s.exec(head)?.[1] ?? ''
  const bytes = Buffer.from(quoted.replace(/\\(.)/gs, '$1'))
  const decoded = bytes
    .toString('latin1')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(decoded, 'latin1').toString('utf8')
}
