import type { IncomingHttpHeaders } from 'node:http'
import type { StreamState } from '../../core/model/stream.ts'
import { expiryOf } from '../../core/uploads/expiry.ts'
import { isMediaType } from '../../lib/media-type.ts'
import type { TusAnswer } from './answer.ts'
import { STREAM_TYPE } from './protocol.ts'

/** What of a request concerns the protocol. Proxies' headers stay out: they are judged elsewhere. */
const CONCERNING = [
  'content-length',
  'content-type',
  'tus-resumable',
  'upload-checksum',
  'upload-defer-length',
  'upload-length',
  'upload-metadata',
  'upload-offset',
]

/** The protocol's headers of a request. One that comes twice is joined by Node, and then refused. */
export function tusHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const present: Record<string, string> = {}
  for (const name of CONCERNING) {
    const value = headers[name]
    if (typeof value === 'string') present[name] = value
  }
  delete present['content-type']
  // The library compares text, and knows no other type.
  if (isMediaType(headers['content-type'], STREAM_TYPE)) present['content-type'] = STREAM_TYPE
  delete present['upload-metadata']
  const metadata = metadataHeader(headers)
  return metadata === null ? present : { ...present, 'upload-metadata': metadata }
}

/**
 * `Upload-Metadata` without what a list in a header may have too much of (RFC 9110, section 5.6.1):
 * spaces around its elements, and empty ones. Clients that have nothing to say send it empty.
 */
export function metadataHeader(headers: IncomingHttpHeaders): string | null {
  const value = headers['upload-metadata']
  if (typeof value !== 'string') return null
  const elements = value.split(',').map((element) => element.trim())
  return elements.filter((element) => element !== '').join(',') || null
}

/** How long an upload lives. */
export interface Lifetime {
  /** Milliseconds without progress after which an upload is removed. */
  sessionTtlMs: number
  /** The worker's time, in which uploads are touched. */
  now: () => number
}

/**
 * What the library says and the protocol asks for; CORS is answered for all routes alike, and
 * `Location` by who knows where the worker is.
 */
const ANSWERED = ['upload-length', 'upload-offset']

export function answerHeaders(answer: TusAnswer, lifetime: Lifetime): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of ANSWERED) {
    const value = answer.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return answer.state ? { ...headers, ...expiry(answer.state, lifetime) } : headers
}

/** What a HEAD says beside the offset: the words the upload was created with. */
export function descriptionHeaders({ stream }: StreamState): Record<string, string> {
  return {
    ...(stream.metadata !== null && { 'upload-metadata': stream.metadata }),
    ...(stream.concat !== null && { 'upload-concat': stream.concat }),
  }
}

/** Only while bytes are missing; every byte puts the end off, the first one most of all. */
function expiry(
  { upload, offset }: StreamState,
  { sessionTtlMs, now }: Lifetime,
): Record<string, string> {
  if (upload.state !== 'receiving') return {}
  // The caller reads a clock on the wall; the worker's own time may have come apart from it.
  const leftMs = expiryOf(upload, offset > 0, sessionTtlMs) - now()
  return { 'upload-expires': new Date(Date.now() + leftMs).toUTCString() }
}
