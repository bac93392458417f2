import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { KiB } from '../../src/lib/units.ts'
import { recordAnswer } from '../openapi/recorder.ts'
import { registerSecret, trace } from './trace.ts'

/**
 * What workers tell their callers, for the trace and for the judgement by the document: all headers,
 * and bodies that are text.
 */

const MAX_BODY = 64 * KiB

/** Keeps what a server in this process answers. */
export function traceAnswersOf(server: Server): void {
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const body = collect(response)
    response.once('close', () => {
      const head = String(Reflect.get(response, '_header') ?? '')
      const text = isText(head) ? body() : null
      traceAnswer(request.url ?? '', head.replaceAll('\r\n', ' | '), text ?? '')
      // One that was cut is nothing to judge.
      if (response.writableFinished) recordAnswer(toRecord(request, response, head, text))
    })
  })
}

function collect(response: ServerResponse): () => string {
  const pieces: Buffer[] = []
  let size = 0
  const keep = (piece: unknown): void => {
    if (size > MAX_BODY || (typeof piece !== 'string' && !(piece instanceof Uint8Array))) return
    const bytes = Buffer.from(piece as string)
    pieces.push(bytes)
    size += bytes.length
  }
  const watched = <F extends (...args: never[]) => unknown>(call: F): F =>
    new Proxy(call, {
      apply: (target, self, args) => {
        keep(args[0])
        return Reflect.apply(target, self, args)
      },
    })
  response.write = watched(response.write)
  response.end = watched(response.end)
  return () => Buffer.concat(pieces).toString()
}

function isText(head: string): boolean {
  return /^content-type: (application\/json|text\/event-stream)\b/im.test(head)
}

function toRecord(
  { method = '', url = '' }: IncomingMessage,
  { statusCode: status }: ServerResponse,
  head: string,
  text: string | null,
) {
  const fields = [...head.matchAll(/^([^:\r\n]+): (.*)\r$/gm)]
  const headers = Object.fromEntries(
    fields.map(([, name = '', value = '']) => [name.toLowerCase(), value]),
  )
  const body = text !== null && text.length < MAX_BODY ? text : null
  return { method, path: url, status, headers, body }
}

/** A ticket appears in the answer that makes it, and nowhere else. */
function traceAnswer(path: string, head: string, body: string): void {
  if (!path.startsWith('/tickets')) trace(`answer: ${head} ${body.replaceAll('\n', ' ')}`)
  registerSecret('ticket', /"ticket":"([^"]+)"/.exec(body)?.[1])
}

interface UndiciEvent {
  request: { origin: string; path: string }
  response: { headers: Buffer[] }
  chunk: Uint8Array
}

const origins = new Set<string>()
const asked = new WeakSet<object>()

/**
 * Keeps what `fetch` in this process gets from a server in another one. The returned function ends
 * that, once the server is gone and its port may be another server's.
 */
export function traceAnswersFrom(origin: string): () => void {
  if (!subscribed) subscribeToFetch()
  origins.add(origin)
  return () => void origins.delete(origin)
}

let subscribed = false

function subscribeToFetch(): void {
  subscribed = true
  subscribe('undici:request:create', (event) => {
    const { request } = event as UndiciEvent
    if (origins.has(request.origin)) asked.add(request)
  })
  subscribe('undici:request:headers', (event) => {
    const { request, response } = event as UndiciEvent
    if (asked.has(request)) {
      traceAnswer(request.path, response.headers.map(String).join(' '), '')
    }
  })
  subscribe('undici:request:bodyChunkReceived', (event) => {
    const { request, chunk } = event as UndiciEvent
    if (!asked.has(request) || request.path.startsWith('/download')) return
    traceAnswer(request.path, '', Buffer.from(chunk).toString())
  })
}
