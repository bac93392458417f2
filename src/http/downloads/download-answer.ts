import { create as contentDisposition } from 'content-disposition'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import { bareTypeOf } from '../../lib/media-type.ts'
import { type BodyPiece, contentRange, layOutByteranges, rangeLength } from './byteranges.ts'
import type { DownloadPlan } from './download-plan.ts'

/** A file as it is sent: bytes that stay the same for as long as their entity tag does. */
export interface Representation {
  /** Strong, with its quotes. */
  etag: string
  size: number
  /** Epoch ms; null where it is not known. */
  modifiedAt: number | null
  fileName: string
  mimeType: string | null
  disposition: 'inline' | 'attachment'
  /** SHA-256 of the whole file, hex; null where it is not known, or not wanted. */
  sha256: string | null
  /** Whether any range of it can be sent. */
  hasRanges: boolean
}

export interface DownloadAnswer {
  status: number
  headers: Record<string, string | number>
  /** The pieces of the body; empty if there is no body. */
  pieces: BodyPiece[]
}

/** Strong: a document's bytes never change, and another document has another id. */
export function etagOf({ id }: { id: string }): string {
  return `"${id}"`
}

/** Returns status, headers and body of a planned answer. */
export function answerDownload(plan: DownloadPlan, file: Representation): DownloadAnswer {
  const { size } = file
  const validators = validatorsOf(file)
  const contentType = contentTypeOf(file)
  const described = { ...validators, ...describe(file, contentType), ...digestOf(file) }
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
function validatorsOf({ etag, modifiedAt, hasRanges }: Representation): Record<string, string> {
  return {
    'accept-ranges': hasRanges ? 'bytes' : 'none',
    'cache-control': 'private, no-cache',
    etag,
    'referrer-policy': 'no-referrer',
    ...(modifiedAt !== null && { 'last-modified': new Date(modifiedAt).toUTCString() }),
  }
}

/** RFC 9530: the digest of the whole file, whatever ranges of it are sent. */
function digestOf({ sha256 }: Representation): Record<string, string> {
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
  { fileName, disposition }: Representation,
  contentType: string,
): Record<string, string> {
  const bareType = bareTypeOf(contentType)
  const type = ACTIVE.test(bareType) ? 'attachment' : disposition
  const policy =
    bareType === 'application/pdf' ? "default-src 'self'; object-src 'self'" : 'sandbox'
  return {
    'content-type': contentType,
    'content-disposition': contentDisposition(fileName.toWellFormed(), { type }),
    'content-security-policy': policy,
    // Proxies such as nginx would otherwise collect the body before passing it on.
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  }
}

/**
 * The file's type; if it has none, the type of its name. Text without a charset is sent as UTF-8,
 * because browsers would read it as windows-1252.
 */
function contentTypeOf({ mimeType, fileName }: Representation): string {
  const type = mimeTypeOf(mimeType, fileName)
  return /^text\/[^;]*$/.test(type) ? `${type}; charset=utf-8` : type
}
