import type { IncomingHttpHeaders } from 'node:http'
import type { StreamState } from '../../core/model/stream.ts'
import { expiryOf } from '../../core/uploads/expiry.ts'
import { isMediaType } from '../../lib/media-type.ts'
import type { TusAnswer } from './answer.ts'
import { STREAM_TYPE, TUS_PATH } from './protocol.ts'

/** The request headers of the protocol. The library gets no others, such as those of proxies. */
const REQUEST_HEADERS = [
  'content-length',
  'content-type',
  'tus-resumable',
  'upload-checksum',
  'upload-defer-length',
  'upload-length',
  'upload-metadata',
  'upload-offset',
]

/**
 * Returns the protocol's headers of a request. Node joins a header that comes twice; it is refused
 * then.
 */
export function tusHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const present: Record<string, string> = {}
  for (const name of REQUEST_HEADERS) {
    const value = headers[name]
    if (typeof value === 'string') present[name] = value
  }
  delete present['content-type']
  // The library compares the exact text.
  if (isMediaType(headers['content-type'], STREAM_TYPE)) present['content-type'] = STREAM_TYPE
  delete present['upload-metadata']
  const metadata = metadataHeader(headers)
  return metadata === null ? present : { ...present, 'upload-metadata': metadata }
}

/**
 * Returns `Upload-Metadata` without the spaces and empty elements that a list in a header may have
 * (RFC 9110, section 5.6.1); null if no element is left. Clients without metadata send it empty.
 */
export function metadataHeader(headers: IncomingHttpHeaders): string | null {
  const value = headers['upload-metadata']
  if (typeof value !== 'string') return null
  const elements = value.split(',').map((element) => element.trim())
  return elements.filter((element) => element !== '').join(',') || null
}

/** Decides when an unfinished upload expires. */
export interface Lifetime {
  /** Milliseconds without progress after which an upload is removed. */
  sessionTtlMs: number
  /** The worker's time, in which uploads are touched. */
  now: () => number
}

/**
 * Headers that are taken from the library's answer. CORS headers are the same on all routes, and
 * `Location` is made by `locationOf`, because the library does not know the public address.
 */
const ANSWER_HEADERS = ['upload-length', 'upload-offset']

export function answerHeaders(answer: TusAnswer, lifetime: Lifetime): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of ANSWER_HEADERS) {
    const value = answer.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return answer.state ? { ...headers, ...expiry(answer.state, lifetime) } : headers
}

/** Headers of a HEAD: the metadata that the upload was created with. */
export function descriptionHeaders({ stream }: StreamState): Record<string, string> {
  return {
    ...(stream.metadata !== null && { 'upload-metadata': stream.metadata }),
    ...(stream.concat !== null && { 'upload-concat': stream.concat }),
  }
}

/**
 * Only while bytes are missing. An upload expires later after each byte, and much later after the
 * first.
 */
function expiry(
  { upload, offset }: StreamState,
  { sessionTtlMs, now }: Lifetime,
): Record<string, string> {
  if (upload.state !== 'receiving') return {}
  // The header needs the wall clock, which may differ from the worker's own time.
  const leftMs = expiryOf(upload, offset > 0, sessionTtlMs) - now()
  return { 'upload-expires': new Date(Date.now() + leftMs).toUTCString() }
}

/**
 * Returns the address of a created upload, for `Location`: absolute if the address of the worker's
 * root is known, because some clients need that; else relative to the path of the request (RFC 3986,
 * section 5.2), because a proxy may have removed a prefix from that path. `requestUrl` is the
 * request's path and query.
 */
export function locationOf(uploadId: string, root: string | null, requestUrl: string): string {
  if (root !== null) return `${root}${TUS_PATH}/${uploadId}`
  const [path = ''] = requestUrl.split('?', 1)
  const folder = path.slice(path.lastIndexOf('/') + 1)
  return folder === '' ? uploadId : `${folder}/${uploadId}`
}
