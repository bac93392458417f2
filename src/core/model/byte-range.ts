/** Inclusive first and last byte, as HTTP counts them. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export type RangeRequest =
  | { kind: 'full' }
  /** One or more ranges inside the file, without overlaps, in the order asked for. */
  | { kind: 'partial'; ranges: readonly [ByteRange, ...ByteRange[]] }
  | { kind: 'unsatisfiable' }

/** More ranges than any player or download manager asks for; beyond it the request is refused. */
const MAX_RANGES = 32

/**
 * Reads a Range header for a file of `size` bytes (RFC 9110, section 14.2).
 *
 * A malformed header or another unit is ignored: the answer is the whole file. A set of many
 * ranges, or of ranges that overlap more than twice, is refused like an unsatisfiable one, which
 * the RFC allows against floods.
 */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  const specs = /^bytes=(.*)$/i.exec(header?.trim() ?? '')?.[1]?.split(',')
  if (!specs) return { kind: 'full' }
  const ranges: ByteRange[] = []
  let asked = 0
  for (const spec of specs) {
    // A list in a header may have empty elements (RFC 9110, section 5.6.1.2).
    if (spec.trim() === '') continue
    asked++
    const range = parseSpec(spec.trim(), size)
    if (range === 'malformed') return { kind: 'full' }
    if (range !== 'unsatisfiable') ranges.push(range)
  }
  if (asked === 0) return { kind: 'full' }
  if (asked > MAX_RANGES || countOverlaps(ranges) > 2) return { kind: 'unsatisfiable' }
  const [first, ...rest] = coalesce(ranges)
  return first ? { kind: 'partial', ranges: [first, ...rest] } : { kind: 'unsatisfiable' }
}

function parseSpec(spec: string, size: number): ByteRange | 'malformed' | 'unsatisfiable' {
  const match = /^(\d*)-(\d*)$/.exec(spec)
  if (!match) return 'malformed'
  const [, from = '', to = ''] = match
  if (from === '') {
    if (to === '') return 'malformed'
    const length = Math.min(Number(to), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 }
  }
  const start = Number(from)
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (to !== '' && Number(to) < start) return 'malformed'
  return start >= size ? 'unsatisfiable' : { start, end }
}

function countOverlaps(ranges: readonly ByteRange[]): number {
  const sorted = [...ranges].sort((a, b) => a.start - b.start)
  let reach = -1
  let overlaps = 0
  for (const { start, end } of sorted) {
    if (start <= reach) overlaps++
    reach = Math.max(reach, end)
  }
  return overlaps
}

/** Joins ranges that overlap or touch; keeps the order asked for when none do. */
function coalesce(ranges: readonly ByteRange[]): ByteRange[] {
  const sorted = [...ranges].sort((a, b) => a.start - b.start)
  const joined: ByteRange[] = []
  for (const range of sorted) {
    const last = joined.at(-1)
    if (last && range.start <= last.end + 1) {
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, range.end) }
    } else {
      joined.push(range)
    }
  }
  return joined.length === ranges.length ? [...ranges] : joined
}
