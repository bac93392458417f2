import { useEffect, useRef, useState } from 'preact/hooks'
import { announce } from '../announcer.tsx'
import {
  filesOfDrop,
  filesOfInput,
  findOpenPicker,
  type PickedFile,
} from '../uploads/picked-files.ts'
import { Button } from './button.tsx'
import { Icon } from './icon.tsx'

export interface DropZoneProps {
  onPicked: (picked: readonly PickedFile[]) => void
  /** Leaves the room to the lists below. */
  small: boolean
}

/** Files may be dropped anywhere on the page; the buttons are for all who do not drag. */
export function DropZone({ onPicked, small }: DropZoneProps) {
  const files = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)
  const isOver = useDrop(onPicked)
  const folders = 'webkitdirectory' in HTMLInputElement.prototype

  useEffect(() => folder.current?.setAttribute('webkitdirectory', ''), [])

  function choose(): void {
    const open = findOpenPicker()
    const ask = (): void => files.current?.click()
    // A picker that the browser has but does not allow here: the input is always allowed.
    if (open) open().then(onPicked, ask)
    else ask()
  }

  function take({ currentTarget }: { currentTarget: HTMLInputElement }): void {
    if (currentTarget.files) onPicked(filesOfInput(currentTarget.files))
    // So that the same file can be chosen again.
    currentTarget.value = ''
  }

  return (
    <section
      class={`drop ${isOver ? 'over' : ''} ${small ? 'small-drop' : ''}`}
      aria-labelledby="drop-title"
    >
      <span class="drop-icon">
        <Icon name="upload" />
      </span>
      <div>
        <h2 id="drop-title">{isOver ? 'Let go to add them' : 'Add files and folders'}</h2>
        <p class="dim">Drop them anywhere on this page, or choose them here.</p>
      </div>
      <div class="buttons">
        <Button icon="other" look="main" onClick={choose}>
          Choose files
        </Button>
        {folders && (
          <Button icon="folder" onClick={() => folder.current?.click()}>
            Choose a folder
          </Button>
        )}
      </div>
      <input ref={files} id="files" type="file" multiple hidden onChange={take} />
      <input ref={folder} id="folder" type="file" multiple hidden onChange={take} />
    </section>
  )
}

/** Whether files are being dragged over the page; what is dropped goes to `onPicked`. */
function useDrop(onPicked: DropZoneProps['onPicked']): boolean {
  const [isOver, setOver] = useState(false)
  const latest = useRef(onPicked)
  latest.current = onPicked

  useEffect(() => {
    const stop = new AbortController()
    const carriesFiles = (event: DragEvent): boolean =>
      event.dataTransfer?.types.includes('Files') === true
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
        announce('What was dropped cannot be read')
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
