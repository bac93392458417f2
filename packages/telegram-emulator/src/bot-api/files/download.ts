import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Telegram } from '../../context.ts'
import type { Document } from '../../store/documents.ts'
import { BotApiError } from '../bot-api-error.ts'
import { fromFilePath } from './file-paths.ts'

export interface DownloadCall {
  telegram: Telegram
  path: string
  request: IncomingMessage
  response: ServerResponse
}

/** Serves `/file/bot<token>/<file_path>`, whole or one range of it. */
export async function downloadFile(call: DownloadCall): Promise<void> {
  const { telegram, path, request, response } = call
  const named = fromFilePath(path)
  const document = named && telegram.store.documents.find(named.id)
  if (named?.isThumb && document?.thumb) {
    response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(document.thumb.bytes)
    return
  }
  const { botApiLocal, botApiDownloadLimit } = telegram.settings
  // With --local files are read from the disk; above 20 MB there is no path to be had.
  if (!document || named.isThumb || botApiLocal || document.size > botApiDownloadLimit)
    throw new BotApiError(404, 'Not Found')
  const range = parseRange(request.headers.range, document.size)
  const headers = { 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' }
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${document.size}` }).end()
    return
  }
  const { start, end } = range ?? { start: 0, end: document.size - 1 }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'Content-Length': end - start + 1,
    ...(range ? { 'Content-Range': `bytes ${start}-${end}/${document.size}` } : {}),
  })
  if (request.method === 'HEAD') response.end()
  else await send(telegram, document, { start, end }, response)
}

async function send(
  telegram: Telegram,
  document: Document,
  range: { start: number; end: number },
  response: ServerResponse,
): Promise<void> {
  try {
    await pipeline(telegram.files.stream(document.id, range), response)
    telegram.counters.method('bot:file').bytesOut += range.end - range.start + 1
  } catch {
    // The client has left, so there is no answer to send.
    response.destroy()
  }
}

function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!found || (found[1] === '' && found[2] === '')) return null
  const first = found[1] === '' ? Math.max(0, size - Number(found[2])) : Number(found[1])
  const last = found[1] === '' || found[2] === '' ? size - 1 : Number(found[2])
  if (first >= size || last < first) return 'unsatisfiable'
  return { start: first, end: Math.min(last, size - 1) }
}
