import { useEffect, useRef, useState } from 'preact/hooks'
import { notify } from '../notice.tsx'
import { filesOfDrop, filesOfInput, type PickedFile } from '../uploads/picked-files.ts'

type OnPicked = (picked: readonly PickedFile[]) => void

/** Whether files are being dragged over the page; what is dropped goes to `onPicked`. */
export function useDrop(onPicked: OnPicked): boolean {
  const [isOver, setOver] = useState(false)
  const latest = useRef(onPicked)
  latest.current = onPicked

  useEffect(() => {
    const stop = new AbortController()
    const over = (event: DragEvent): void => {
      if (!carriesFiles(event)) return
      event.preventDefault()
      setOver(true)
    }
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false)
    }
    const drop = (event: DragEvent): void => {
      setOver(false)
      if (!carriesFiles(event) || !event.dataTransfer) return
      event.preventDefault()
      filesOfDrop(event.dataTransfer).then(latest.current, () => {
        notify({ text: 'What was dropped cannot be read.', isFault: true })
      })
    }
    const { signal } = stop
    document.addEventListener('dragover', over, { signal })
    document.addEventListener('dragleave', leave, { signal })
    document.addEventListener('drop', drop, { signal })
    return () => stop.abort()
  }, [])
  return isOver
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
      latest.current(filesOfInput(files))
    }
    document.addEventListener('paste', paste, { signal: stop.signal })
    return () => stop.abort()
  }, [])
}
