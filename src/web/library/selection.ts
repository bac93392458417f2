/** What is selected in a list, by mouse, keyboard and touch alike. */
export interface Selection {
  /** Keys of the selected entries. */
  chosen: ReadonlySet<string>
  /** Where a range begins; null before an entry was selected. */
  anchor: string | null
  /** What was selected when the range began: the range may grow and shrink above it. */
  base: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

export const NOTHING: Selection = { chosen: NONE, anchor: null, base: NONE }

/** Selects the entry, or takes it out. */
export function toggle({ chosen }: Selection, key: string): Selection {
  const next = new Set(chosen)
  if (!next.delete(key)) next.add(key)
  return { chosen: next, anchor: key, base: next }
}

/** Selects all entries between the anchor and this one. Those of the last range go. */
export function extendTo(selection: Selection, key: string, keys: readonly string[]): Selection {
  const { anchor, base } = selection
  const end = keys.indexOf(key)
  const start = keys.indexOf(anchor ?? key)
  if (end < 0 || start < 0) return toggle(selection, key)
  const range = keys.slice(Math.min(start, end), Math.max(start, end) + 1)
  return { chosen: new Set([...base, ...range]), anchor: anchor ?? key, base }
}

export function chooseAll(keys: readonly string[]): Selection {
  const chosen = new Set(keys)
  return { chosen, anchor: keys[0] ?? null, base: chosen }
}

/** Drops what is no longer in the list. */
export function retain(selection: Selection, keys: readonly string[]): Selection {
  const known = new Set(keys)
  const chosen = new Set([...selection.chosen].filter((key) => known.has(key)))
  if (chosen.size === selection.chosen.size) return selection
  const { anchor } = selection
  return { chosen, anchor: anchor !== null && known.has(anchor) ? anchor : null, base: chosen }
}
