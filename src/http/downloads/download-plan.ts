import { type ByteRange, parseRange } from '../../core/model/byte-range.ts'

/** Everything that decides about the answer to a download. */
export interface DownloadQuestion {
  method: 'GET' | 'HEAD'
  headers: Record<string, string | string[] | undefined>
  size: number
  /** Strong, with its quotes. */
  etag: string
  /** Epoch ms; HTTP dates have whole seconds. If null, conditions on dates are ignored. */
  modifiedAt: number | null
  /** Whether any range can be sent; else `Range` is ignored (RFC 9110, section 14.2). */
  hasRanges: boolean
}

export type DownloadPlan =
  | { kind: 'full' }
  | { kind: 'head' }
  | { kind: 'partial'; ranges: readonly [ByteRange, ...ByteRange[]] }
  | { kind: 'not-modified' }
  | { kind: 'precondition-failed' }
  | { kind: 'unsatisfiable' }

/**
 * Plans the answer to a download: preconditions in the order of RFC 9110 section 13.2.2, then the
 * range.
 */
export function planDownload(question: DownloadQuestion): DownloadPlan {
  const { method, size, hasRanges } = question
  const precondition = evaluatePreconditions(question)
  if (precondition) return { kind: precondition }
  if (method === 'HEAD') return { kind: 'head' }
  const range = header(question, 'range')
  if (range === undefined || !hasRanges || !ifRangeHolds(question)) return { kind: 'full' }
  return parseRange(range, size)
}

function evaluatePreconditions(
  question: DownloadQuestion,
): 'precondition-failed' | 'not-modified' | null {
  const { etag } = question
  const modified = modifiedSeconds(question)
  const ifMatch = header(question, 'if-match')
  const ifUnmodifiedSince = httpDate(header(question, 'if-unmodified-since'))
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, (tag) => tag === etag)) return 'precondition-failed'
  } else if (modified !== null && ifUnmodifiedSince !== null && modified > ifUnmodifiedSince) {
    return 'precondition-failed'
  }
  const ifNoneMatch = header(question, 'if-none-match')
  const ifModifiedSince = httpDate(header(question, 'if-modified-since'))
  if (ifNoneMatch !== undefined) {
    if (hasTag(ifNoneMatch, etag)) return 'not-modified'
  } else if (modified !== null && ifModifiedSince !== null && modified <= ifModifiedSince) {
    return 'not-modified'
  }
  return null
}

/**
 * If-Range: a strong entity tag, or a date exactly equal to Last-Modified (RFC 9110, section
 * 13.1.5).
 */
function ifRangeHolds(question: DownloadQuestion): boolean {
  const value = header(question, 'if-range')?.trim()
  if (value === undefined) return true
  if (value.startsWith('"') || value.startsWith('W/')) return value === question.etag
  const modified = modifiedSeconds(question)
  return modified !== null && httpDate(value) === modified
}

/**
 * Whether an `If-None-Match` has this entity tag. The comparison is weak: W/ makes no difference here
 * (RFC 9110, section 13.1.2).
 */
export function hasTag(ifNoneMatch: string, etag: string): boolean {
  return matches(ifNoneMatch, (tag) => tag.replace(/^W\//, '') === etag)
}

/** Whether `*` or one of the listed entity tags is accepted. */
function matches(list: string, accepts: (tag: string) => boolean): boolean {
  if (list.trim() === '*') return true
  return (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some(accepts)
}

function header({ headers }: DownloadQuestion, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** The three forms of a date (RFC 9110, section 5.6.7); the last one, asctime's, names no zone. */
const HTTP_DATE =
  /^(?:\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT|\w{6,9}, \d{2}-\w{3}-\d{2} [\d:]{8} GMT|(\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}))$/

/** Returns epoch seconds, or null if the header is no date and so is ignored. */
function httpDate(value: string | undefined): number | null {
  const [date, asctime] = HTTP_DATE.exec(value?.trim() ?? '') ?? []
  const ms = Date.parse(asctime === undefined ? (date ?? '') : `${asctime} GMT`)
  return Number.isNaN(ms) ? null : Math.floor(ms / 1000)
}

function modifiedSeconds({ modifiedAt }: DownloadQuestion): number | null {
  return modifiedAt === null ? null : Math.floor(modifiedAt / 1000)
}
