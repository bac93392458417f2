import { parse } from 'content-type'

/** How much an `Accept` header wants a media type. */
interface Wish {
  /** From 0, not at all, to 1. */
  readonly weight: number
  /** Of the range that covers it: 2 names it, 1 all of its kind, 0 everything; -1 none does. */
  readonly closeness: number
}

/**
 * Whether an `Accept` header wants a media type more than another one, `to`, which is what is sent
 * where it does not say. For each the range that names it most closely counts (RFC 9110, section
 * 12.5.1), and of equal weights the closer one; parameters other than `q` make no difference.
 * `evenIfEqual`: also where it names both and wants them alike.
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
 * Whether an `Accept-Encoding` header names this coding and wants it (RFC 9110, section 12.5.3). A
 * `*` does not count: as it is, anything will do.
 */
export function acceptsCoding(accept: string | undefined, coding: string): boolean {
  for (const { name, weight } of elementsOf(accept)) {
    if (name === coding) return weight > 0
  }
  return false
}

/** What a list of wishes names, in its order and in lower case. */
function* elementsOf(accept = ''): Generator<{ name: string; weight: number }> {
  for (let start = 0; start < accept.length; ) {
    const { type, parameters, index } = parse(accept, { comma: true, start })
    yield { name: type, weight: weightOf(parameters.q) }
    start = index + 1
  }
}

/** A weight that cannot be read wants nothing. */
function weightOf(q = '1'): number {
  return Math.min(1, Math.max(0, Number(q) || 0))
}
