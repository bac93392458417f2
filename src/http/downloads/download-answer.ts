import { create as contentDisposition } from 'content-disposition'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import type { RemoteDocument } from '../../core/ports/telegram.ts'
import { bareTypeOf } from '../../lib/media-type.ts'
import { type BodyPiece, contentRange, layOutByteranges, rangeLength } from './byteranges.ts'
import type { DownloadPlan } from './download-plan.ts'

/** How the link wants the file to be presented, and what is known of its bytes. */
export interface Presentation {
  fileName?: string | undefined
  disposition: 'inline' | 'attachment'
  /** SHA-256 of the whole file, hex. */
  sha256?: string | null
}

export interface DownloadAnswer {
  status: number
  headers: Record<string, string | number>
  /** The pieces of the body; empty if there is no body. */
  pieces: BodyPiece[]
}

/** Strong: a document's bytes never change, and another document has another id. */
export function etagOf(document: RemoteDocument): string {
  return `"${document.id}"`
}

/** Returns status, headers and body of a planned answer. */
export function answerDownload(
  plan: DownloadPlan,
  document: RemoteDocument,
  presentation: Presentation,
): DownloadAnswer {
  const { size } = document
  const validators = validatorsOf(document)
  const contentType = contentTypeOf(document, presentation)
  const described = {
    ...validators,
    ...describe(document, presentation, contentType),
    ...digestOf(presentation),
  }
  switch (plan.kind) {
    case 'not-modified':
      return { status: 304, headers: validators, pieces: [] }
    case 'precondition-failed':
      return { status: 412, headers: validators, pieces: [] }
    case 'unsatisfiable':
      return {
        status: 416,
        headers: { ...validators, 'content-range': `bytes */${size}` },
        pieces: [],
      }
    case 'head':
      return { status: 200, headers: { ...described, 'content-length': size }, pieces: [] }
    case 'full': {
      const range = { start: 0, end: size - 1 }
      return { status: 200, headers: { ...described, 'content-length': size }, pieces: [{ range }] }
    }
    case 'partial': {
      const [range, ...more] = plan.ranges
      if (more.length === 0) {
        const ranged = {
          'content-range': contentRange(range, size),
          'content-length': rangeLength(range),
        }
        return { status: 206, headers: { ...described, ...ranged }, pieces: [{ range }] }
      }
      const body = layOutByteranges(plan.ranges, { size, contentType })
      const multipart = { 'content-type': body.contentType, 'content-length': body.contentLength }
      return { status: 206, headers: { ...described, ...multipart }, pieces: body.pieces }
    }
  }
}

/** The headers of every answer about a file, a 304 too (RFC 9110, section 15.4.5). */
function validatorsOf(document: RemoteDocument): Record<string, string> {
  return {
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    etag: etagOf(document),
    'referrer-policy': 'no-referrer',
    ...(document.modifiedAt !== null && {
      'last-modified': new Date(document.modifiedAt).toUTCString(),
    }),
  }
}

/** RFC 9530: the digest of the whole file, whatever ranges of it are sent. */
function digestOf({ sha256 }: Presentation): Record<string, string> {
  if (!sha256) return {}
  return { 'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:` }
}

/**
 * Types that browsers run as pages of the site they come from: also XSLT, which is XML to Chromium,
 * and archives that contain pages.
 */
const ACTIVE = /^(multipart|message)\/|mimearchive|\b(html|xhtml|xml|xsl|svg)\b/i

/**
 * A file must not run as the worker's own page, which keeps the user's token. So files that a
 * browser would run are saved instead of shown, and all others are sandboxed, except PDF, because
 * its viewer needs scripts.
 */
function describe(
  document: RemoteDocument,
  { fileName, disposition }: Presentation,
  contentType: string,
): Record<string, string> {
  const name = fileName ?? document.fileName ?? `file-${document.id}`
  const bareType = bareTypeOf(contentType)
  const type = ACTIVE.test(bareType) ? 'attachment' : disposition
  const policy =
    bareType === 'application/pdf' ? "default-src 'self'; object-src 'self'" : 'sandbox'
  return {
    'content-type': contentType,
    'content-disposition': contentDisposition(name, { type }),
    'content-security-policy': policy,
    // Proxies such as nginx would otherwise collect the body before passing it on.
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  }
}

/**
 * The document's type; if it has none, the type of its name. Text without a charset is sent as
 * UTF-8, because browsers would read it as windows-1252.
 */
function contentTypeOf(document: RemoteDocument, { fileName }: Presentation): string {
  const type = mimeTypeOf(document.mimeType, fileName ?? document.fileName ?? '')
  return /^text\/[^;]*$/.test(type) ? `${type}; charset=utf-8` : type
}
