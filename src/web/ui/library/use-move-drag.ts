import { useRef } from 'preact/hooks'
import { canMove } from '../../library/changes.ts'
import type { Entry } from '../../library/listing.ts'

export interface MoveDragOptions {
  /** The entries that go along when the one with this key is dragged. */
  draggedWith: (key: string) => readonly Entry[]
  onMove: (entries: readonly Entry[], folder: string) => void
}

/** Entries are moved by dragging them on a folder: one of the list, or one on the way to this one. */
export function useMoveDrag({ draggedWith, onMove }: MoveDragOptions) {
  const dragged = useRef<readonly Entry[]>([])
  const over = useRef<HTMLElement | null>(null)

  function mark(element: HTMLElement | null): void {
    over.current?.removeAttribute('data-over')
    over.current = element
    element?.setAttribute('data-over', '')
  }

  function folderUnder({ target }: DragEvent): HTMLElement | null {
    const element = target instanceof Element ? target.closest<HTMLElement>('[data-folder]') : null
    const folder = element?.dataset.folder
    if (folder === undefined || dragged.current.length === 0) return null
    return canMove(dragged.current, folder) ? element : null
  }

  return {
    onDragStart: (event: DragEvent) => {
      const { target, dataTransfer } = event
      const key = target instanceof HTMLElement ? target.dataset.key : undefined
      if (key === undefined || !dataTransfer) return
      dragged.current = draggedWith(key)
      dataTransfer.effectAllowed = 'move'
      dataTransfer.setData('text/plain', dragged.current.map(({ name }) => name).join('\n'))
    },
    onDragOver: (event: DragEvent) => {
      const element = folderUnder(event)
      mark(element)
      if (!element) return
      event.preventDefault()
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'move'
    },
    onDragEnd: () => {
      mark(null)
      dragged.current = []
    },
    onDrop: (event: DragEvent) => {
      const folder = folderUnder(event)?.dataset.folder
      if (folder === undefined) return
      event.preventDefault()
      onMove(dragged.current, folder)
      mark(null)
      dragged.current = []
    },
  }
}
