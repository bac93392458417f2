import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { View } from '../../library/preferences.ts'
import { columnsIn, type VisibleRows, visibleRows } from '../../library/window.ts'

/** The drawn part of the list, in rows of `columns` entries. */
export interface ListWindow extends VisibleRows {
  columns: number
  rowHeight: number
  /** Rows that fit into the window. */
  rowsOfPage: number
}

/** Heights of a row with the space below it, as the styles have them, in rem. */
const ROW_REM: Readonly<Record<View, number>> = { list: 3.5, tiles: 12.75 }
const TILE_REM = 9
const GAP_REM = 0.75

/** Follows the scrolling of the page, and draws again only when other rows come into sight. */
export function useWindow(
  list: RefObject<HTMLElement>,
  { count, view }: { count: number; view: View },
): ListWindow {
  const [seen, setSeen] = useState<ListWindow>(() => ({
    ...{ columns: 1, rowHeight: 56, rowsOfPage: 10 },
    ...visibleRows({ rows: count, rowHeight: 56, top: 0, height: innerHeight }),
  }))

  function measure(): void {
    const element = list.current
    if (!element) return
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
    const { top, width } = element.getBoundingClientRect()
    const columns = view === 'list' ? 1 : columnsIn(width, TILE_REM * rem, GAP_REM * rem)
    const rowHeight = ROW_REM[view] * rem
    const rows = Math.ceil(count / columns)
    const next: ListWindow = {
      ...visibleRows({ rows, rowHeight, top: -top, height: innerHeight }),
      columns,
      rowHeight,
      rowsOfPage: Math.max(1, Math.floor(innerHeight / rowHeight) - 2),
    }
    setSeen((last) => (isSame(last, next) ? last : next))
  }

  useLayoutEffect(measure, [count, view])
  useEffect(() => {
    const stop = new AbortController()
    const options = { signal: stop.signal, passive: true }
    addEventListener('scroll', measure, options)
    addEventListener('resize', measure, options)
    const observer = new ResizeObserver(measure)
    if (list.current) observer.observe(list.current)
    return () => {
      stop.abort()
      observer.disconnect()
    }
  }, [count, view])
  return seen
}

function isSame(one: ListWindow, other: ListWindow): boolean {
  return (
    one.from === other.from &&
    one.to === other.to &&
    one.below === other.below &&
    one.columns === other.columns &&
    one.rowHeight === other.rowHeight &&
    one.rowsOfPage === other.rowsOfPage
  )
}
