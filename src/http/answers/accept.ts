import { parse } from 'content-type'

/** How much an `Accept` header wants a media type. */
interface Wish {
  /** From 0, not at all, to 1. */
  readonly weight: number
  /**
   * Of the range that covers it: 2 names the type, 1 all of its kind, 0 everything; -1 if none
   * covers it.
   */
  readonly closeness: number
}

/**
 * Whether an `Accept` header prefers a media type to another one, `to`, which is sent by default.
 * For each the range that names it most closely counts (RFC 9110, section 12.5.1), and of equal
 * weights the closer range; parameters other than `q` make no difference. With `evenIfEqual` also
 * if it names both with the same weight.
 */
export function prefers(
  accept: string | undefined,
  type: string,
  { to, evenIfEqual }: { to: string; evenIfEqual: boolean },
): boolean {
  const wish = wishFor(accept, type)
  const other = wishFor(accept, to)
  const difference = wish.weight - other.weight || wish.closeness - other.closeness
  if (wish.weight === 0) return false
  return difference > 0 || (difference === 0 && wish.closeness === 2 && evenIfEqual)
}

function wishFor(accept: string | undefined, type: string): Wish {
  let best: Wish = { weight: 0, closeness: -1 }
  for (const { name, weight } of elementsOf(accept)) {
    const wish = { weight, closeness: closenessOf(name, type) }
    const closer = wish.closeness - best.closeness || weight - best.weight
    if (wish.closeness >= 0 && closer > 0) best = wish
  }
  return best
}

function closenessOf(range: string, type: string): number {
  if (range === type) return 2
  if (range === '*/*') return 0
  return range === `${type.split('/')[0]}/*` ? 1 : -1
}

/**
 * Whether an `Accept-Encoding` header names this coding with a weight (RFC 9110, section 12.5.3). A
 * `*` does not count: it allows the plain form as well.
 */
export function acceptsCoding(accept: string | undefined, coding: string): boolean {
  for (const { name, weight } of elementsOf(accept)) {
    if (name === coding) return weight > 0
  }
  return false
}

/** Yields the elements of an `Accept…` header in their order, in lower case. */
function* elementsOf(accept = ''): Generator<{ name: string; weight: number }> {
  for (let start = 0; start < accept.length; ) {
    const { type, parameters, index } = parse(accept, { comma: true, start })
    yield { name: type, weight: weightOf(parameters.q) }
    start = index + 1
  }
}

/** A malformed weight counts as 0. */
function weightOf(q = '1'): number {
  return Math.min(1, Math.max(0, Number(q) || 0))
}
