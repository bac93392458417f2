/** How many entries the keyboard sees at once. */
export interface Layout {
  count: number
  columns: number
  /** Rows that fit into the window. */
  rowsOfPage: number
}

/** Returns the index that a key leads to from `index`; null when the key does not move. */
export function indexAfter(key: string, index: number, layout: Layout): number | null {
  const { count, columns, rowsOfPage } = layout
  const step = stepOf(key, columns, rowsOfPage)
  if (count === 0) return null
  if (key === 'Home') return 0
  if (key === 'End') return count - 1
  if (step === null) return null
  const next = index + step
  if (next >= 0 && next < count) return next
  // A page may end in the middle; a single step stays where it is.
  if (key === 'PageUp') return 0
  if (key === 'PageDown') return count - 1
  // From a row above the last one, which may be short.
  if (key === 'ArrowDown' && rowOf(index, columns) < rowOf(count - 1, columns)) return count - 1
  return index
}

function stepOf(key: string, columns: number, rowsOfPage: number): number | null {
  if (key === 'ArrowLeft') return columns > 1 ? -1 : null
  if (key === 'ArrowRight') return columns > 1 ? 1 : null
  if (key === 'ArrowUp') return -columns
  if (key === 'ArrowDown') return columns
  if (key === 'PageUp') return -columns * rowsOfPage
  if (key === 'PageDown') return columns * rowsOfPage
  return null
}

function rowOf(index: number, columns: number): number {
  return Math.floor(index / columns)
}
