import { useEffect, useRef, useState } from 'preact/hooks'
import { notify } from '../notice.tsx'
import { filesOfDrop, filesOfInput, type PickedFile } from '../uploads/picked-files.ts'

/** `folder` is the path of the folder they were dropped on; null: on none. */
type OnPicked = (picked: readonly PickedFile[], folder: string | null) => void

/** Where dragged files would go. */
export type DropTarget = { folder: string | null } | null

/** Whether files are being dragged over the page, and where; what is dropped goes to `onPicked`. */
export function useDrop(onPicked: OnPicked): DropTarget {
  const [target, setTarget] = useState<DropTarget>(null)
  const latest = useRef(onPicked)
  latest.current = onPicked

  useEffect(() => {
    const stop = new AbortController()
    const over = (event: DragEvent): void => {
      if (!carriesFiles(event)) return
      event.preventDefault()
      const folder = folderAt(event.target)
      setTarget((last) => (last?.folder === folder && last ? last : { folder }))
    }
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setTarget(null)
    }
    const drop = (event: DragEvent): void => {
      setTarget(null)
      const folder = folderAt(event.target)
      if (!carriesFiles(event) || !event.dataTransfer) return
      event.preventDefault()
      filesOfDrop(event.dataTransfer).then(
        (picked) => latest.current(picked, folder),
        () => {
          notify({ text: 'What was dropped cannot be read.', isFault: true })
        },
      )
    }
    const { signal } = stop
    document.addEventListener('dragover', over, { signal })
    document.addEventListener('dragleave', leave, { signal })
    document.addEventListener('drop', drop, { signal })
    return () => stop.abort()
  }, [])
  return target
}

/** Returns the path of the folder in the library on which a pointer is. */
function folderAt(target: EventTarget | null): string | null {
  const entry = target instanceof Element ? target.closest<HTMLElement>('[data-folder]') : null
  return entry?.dataset.folder ?? null
}

function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') === true
}

/** Files and pictures that are pasted anywhere on the page go to `onPicked`. */
export function usePaste(onPicked: OnPicked): void {
  const latest = useRef(onPicked)
  latest.current = onPicked

  useEffect(() => {
    const stop = new AbortController()
    const paste = (event: ClipboardEvent): void => {
      const files = event.clipboardData?.files
      if (!files?.length) return
      event.preventDefault()
      latest.current(filesOfInput(files), null)
    }
    document.addEventListener('paste', paste, { signal: stop.signal })
    return () => stop.abort()
  }, [])
}
