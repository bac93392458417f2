import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Entry } from '../../library/listing.ts'
import { indexAfter } from '../../library/moves.ts'
import type { View } from '../../library/preferences.ts'
import { extendTo, NOTHING, type Selection, toggle } from '../../library/selection.ts'
import type { Thumbnails } from '../../library/thumbnails.ts'
import { EntryCell } from './entry-cell.tsx'
import { useLongPress } from './use-long-press.ts'
import { useWindow } from './use-window.ts'

export interface EntriesProps {
  entries: readonly Entry[]
  thumbnails: Thumbnails
  view: View
  selection: Selection
  showsFolder: boolean
  onSelect: (selection: Selection) => void
  /** Selects everything, also what is not read yet. */
  onSelectAll: () => void
  onOpen: (entry: Entry) => void
  onDownload: (entry: Entry) => void
  /** The key of the entry whose name is being written anew. */
  renaming: string | null
  onRename: (entry: Entry) => void
  onRenamed: (entry: Entry, name: string | null) => void
  /** Deletes the entry; where something is selected, all of that. */
  onDelete: (entry: Entry) => void
  /** Called when the end of what is read comes near. */
  onNearEnd: () => void
}

/** The next page is asked for so many rows before the last one is seen. */
const ROWS_AHEAD = 40

/**
 * The folders and files of one place. Only the rows in sight are drawn. One of them is reached by the
 * Tab key, and the arrows lead to the others.
 */
export function Entries(props: EntriesProps) {
  const { entries, view, selection, showsFolder, onSelect, onOpen, onDownload } = props
  const { renaming, onRename, onRenamed, onDelete } = props
  const list = useRef<HTMLDivElement>(null)
  const seen = useWindow(list, { count: entries.length, view })
  const { from, to, columns, rowHeight, rowsOfPage } = seen
  const [active, setActive] = useState<string | null>(null)
  /** The entry that gets the focus as soon as it is drawn. */
  const wanted = useRef<string | null>(null)
  const hasFocus = useRef(false)
  const keys = entries.map(({ key }) => key)
  const rows = Math.ceil(entries.length / columns)
  const drawn = entries.slice(from * columns, to * columns)
  // The entry may be scrolled away or gone: then the first one in sight is reached.
  const reached = drawn.some(({ key }) => key === active) ? active : (drawn[0]?.key ?? null)

  useLayoutEffect(() => {
    if (to >= rows - ROWS_AHEAD) props.onNearEnd()
  }, [to, rows, entries, props.onNearEnd])

  useLayoutEffect(() => {
    // The entry that had the focus is scrolled away: the arrows still lead on from it.
    if (hasFocus.current && document.activeElement === document.body) {
      list.current?.focus({ preventScroll: true })
    }
    if (wanted.current === null) return
    const cell = cellOf(list.current, wanted.current)
    if (!cell) return
    wanted.current = null
    cell.focus({ preventScroll: true })
    cell.scrollIntoView({ block: 'nearest' })
  })

  function focusOn(index: number): void {
    const entry = entries[index]
    if (!entry || !list.current) return
    wanted.current = entry.key
    setActive(entry.key)
    const row = Math.floor(index / columns)
    if (row >= from && row < to) return
    const top = list.current.getBoundingClientRect().top + scrollY
    scrollTo({ top: top + row * rowHeight - innerHeight / 2 })
  }

  function select(key: string, event: MouseEvent | KeyboardEvent): void {
    onSelect(event.shiftKey ? extendTo(selection, key, keys) : toggle(selection, key))
  }

  const press = useLongPress((target) => {
    const key = keyOf(target)
    if (key !== null) onSelect(toggle(selection, key))
  })

  function click(event: MouseEvent): void {
    const { target } = event
    if (press.hasFired()) event.preventDefault()
    if (!(target instanceof Element) || event.defaultPrevented) return
    const entry = entries.find(({ key }) => key === keyOf(target))
    if (!entry || target.closest('.button')) return
    setActive(entry.key)
    const isSelecting =
      event.shiftKey || event.ctrlKey || event.metaKey || selection.chosen.size > 0
    if (target.closest('.entry-check') || isSelecting) {
      event.preventDefault()
      select(entry.key, event)
      return
    }
    // The browser follows a link by itself.
    if (entry.kind === 'file') onOpen(entry)
    else if (!target.closest('a')) onOpen(entry)
  }

  function keyDown(event: KeyboardEvent): void {
    const { target } = event
    const index = Math.max(0, keys.indexOf(active ?? ''))
    const entry = entries[index]
    if (!entry || event.altKey) return
    const isOnCell = target instanceof Element && target.matches('[role=gridcell], [role=grid]')
    const isCommand = event.ctrlKey || event.metaKey
    if (isCommand && event.key === 'a') props.onSelectAll()
    else if (event.key === 'Escape' && selection.chosen.size > 0) onSelect(NOTHING)
    else if (event.key === ' ' && isOnCell) select(entry.key, event)
    else if (event.key === 'Enter' && isOnCell) onOpen(entry)
    else if (event.key === 'F2') onRename(entry)
    else if (event.key === 'Delete') onDelete(entry)
    else {
      const next = indexAfter(event.key, index, { count: entries.length, columns, rowsOfPage })
      const to = next === null ? undefined : entries[next]
      if (isCommand || next === null || to === undefined) return
      if (event.shiftKey) {
        const begun = selection.anchor === null ? toggle(selection, entry.key) : selection
        onSelect(extendTo({ ...begun, base: new Set() }, to.key, keys))
      }
      focusOn(next)
    }
    event.preventDefault()
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table has no entries in tiles.
    <div
      ref={list}
      role="grid"
      class={`entries as-${view}`}
      aria-label="Files"
      aria-multiselectable
      aria-rowcount={rows}
      aria-colcount={columns}
      tabIndex={-1}
      style={{
        paddingTop: `${seen.above}px`,
        paddingBottom: `${seen.below}px`,
        '--columns': columns,
      }}
      onClick={click}
      onKeyDown={keyDown}
      onFocusIn={({ target }) => {
        hasFocus.current = true
        setActive(keyOf(target) ?? active)
      }}
      onFocusOut={({ target, relatedTarget }) => {
        // An entry that is scrolled away is gone by then, and the focus was not moved by the user.
        queueMicrotask(() => {
          const isInside =
            relatedTarget instanceof Node && list.current?.contains(relatedTarget) === true
          if (target instanceof Node && target.isConnected) hasFocus.current = isInside
        })
      }}
      {...press.handlers}
    >
      {Array.from({ length: Math.max(0, to - from) }, (_, offset) => {
        const row = from + offset
        return (
          // biome-ignore lint/a11y/useSemanticElements: see above.
          // biome-ignore lint/a11y/useFocusableInteractive: its cells have the focus.
          <div key={row} role="row" class="entries-row" aria-rowindex={row + 1}>
            {entries.slice(row * columns, (row + 1) * columns).map((entry) => (
              <EntryCell
                key={entry.key}
                entry={entry}
                thumbnails={props.thumbnails}
                isActive={entry.key === reached}
                isSelected={selection.chosen.has(entry.key)}
                showsFolder={showsFolder}
                onDownload={onDownload}
                isRenaming={entry.key === renaming}
                onRenamed={onRenamed}
              />
            ))}
          </div>
        )
      })}
    </div>
  )
}

function keyOf(target: EventTarget | null): string | null {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-key]') : null
  return cell?.dataset.key ?? null
}

function cellOf(list: HTMLElement | null, key: string): HTMLElement | null {
  return list?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null
}
