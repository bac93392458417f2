/** The part of a long list that is drawn. */
export interface VisibleRows {
  /** The first row that is drawn, and the first one behind it that is not. */
  from: number
  to: number
  /** Pixels of the rows above and below, which are not drawn. */
  above: number
  below: number
}

export interface Viewport {
  rows: number
  rowHeight: number
  /** The upper edge of the window below the upper edge of the list; negative above it. */
  top: number
  height: number
}

/** Rows that are drawn beyond both edges, so that fast scrolling shows no gap. */
const SPARE_ROWS = 6

export function visibleRows({ rows, rowHeight, top, height }: Viewport): VisibleRows {
  const first = Math.floor(top / rowHeight) - SPARE_ROWS
  const last = Math.ceil((top + height) / rowHeight) + SPARE_ROWS
  const to = clamp(last, 0, rows)
  const from = clamp(first, 0, to)
  return { from, to, above: from * rowHeight, below: (rows - to) * rowHeight }
}

/** Returns how many tiles of this width are in a row, one at least. */
export function columnsIn(width: number, tileWidth: number, gap: number): number {
  return Math.max(1, Math.floor((width + gap) / (tileWidth + gap)))
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
