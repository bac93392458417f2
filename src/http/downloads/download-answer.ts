import { create as contentDisposition } from 'content-disposition'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import type { RemoteDocument } from '../../core/ports/telegram.ts'
import { bareTypeOf } from '../../lib/media-type.ts'
import { type BodyPiece, contentRange, layOutByteranges, rangeLength } from './byteranges.ts'
import type { DownloadPlan } from './download-plan.ts'

/** What the link asks for, beside the file. */
export interface Presentation {
  fileName?: string | undefined
  disposition: 'inline' | 'attachment'
}

export interface DownloadAnswer {
  status: number
  headers: Record<string, string | number>
  /** What the body is made of; empty for answers without one. */
  pieces: BodyPiece[]
}

/** Strong: a document's bytes never change, and another document has another id. */
export function etagOf(document: RemoteDocument): string {
  return `"${document.id}"`
}

/** Status, headers and body of the answer that was planned; pure. */
export function answerDownload(
  plan: DownloadPlan,
  document: RemoteDocument,
  presentation: Presentation,
): DownloadAnswer {
  const { size } = document
  const validators = validatorsOf(document)
  const contentType = contentTypeOf(document, presentation)
  const described = { ...validators, ...describe(document, presentation, contentType) }
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

/** What every answer about a file says, a 304 too (RFC 9110, section 15.4.5). */
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

/**
 * Documents that browsers run as pages of the site they come from, by whatever type that has them
 * in its name: also XSLT, which is XML to Chromium, and what holds pages as its parts.
 */
const ACTIVE = /^(multipart|message)\/|mimearchive|\b(html|xhtml|xml|xsl|svg)\b/i

/**
 * A served file must not run as the worker's own page, which keeps its user's token: what a browser
 * would run is saved instead, and everything else but PDF (whose viewer needs scripts) is sandboxed.
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
 * From the document; when that says nothing, from the name. Browsers read text without a charset
 * as windows-1252, and hardly any is today.
 */
function contentTypeOf(document: RemoteDocument, { fileName }: Presentation): string {
  const type = mimeTypeOf(document.mimeType, fileName ?? document.fileName ?? '')
  return /^text\/[^;]*$/.test(type) ? `${type}; charset=utf-8` : type
}
