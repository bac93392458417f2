import { useEffect, useRef } from 'preact/hooks'
import { formatBytes } from '../format.ts'
import { filesOfInput, findOpenPicker, type PickedFile } from '../uploads/picked-files.ts'
import { Button } from './button.tsx'
import { Icon } from './icon.tsx'
import { useDrop, usePaste } from './use-drop.ts'

export interface DropZoneProps {
  /** `folder` is the path of the folder they were dropped on; null: on none. */
  onPicked: (picked: readonly PickedFile[], folder: string | null) => void
  /** A small zone is only its buttons. */
  small: boolean
  maxFileBytes: number
}

/** Files may be dropped anywhere on the page, or chosen with the buttons. */
export function DropZone({ onPicked, small, maxFileBytes }: DropZoneProps) {
  const files = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)
  const target = useDrop(onPicked)
  usePaste(onPicked)
  const folders = 'webkitdirectory' in HTMLInputElement.prototype

  useEffect(() => folder.current?.setAttribute('webkitdirectory', ''), [])

  function choose(): void {
    const open = findOpenPicker()
    const ask = (): void => files.current?.click()
    // A picker that the browser has but does not allow here: the input is always allowed.
    if (open) open().then((picked) => onPicked(picked, null), ask)
    else ask()
  }

  function take({ currentTarget }: { currentTarget: HTMLInputElement }): void {
    if (currentTarget.files) onPicked(filesOfInput(currentTarget.files), null)
    // So that the same file can be chosen again.
    currentTarget.value = ''
  }

  return (
    <section
      class={`drop ${target ? 'over' : ''} ${small ? 'small-drop' : ''}`}
      aria-labelledby="drop-title"
    >
      {target && (
        <div class="veil" aria-hidden="true">
          <p>
            <Icon name="upload" />
            {target.folder === null
              ? 'Let go to add them'
              : `Let go to add them to ${target.folder}`}
          </p>
        </div>
      )}
      <span class="drop-icon">
        <Icon name="upload" />
      </span>
      <div>
        <h2 id="drop-title">Add files and folders</h2>
        <p class="dim">
          <span class="for-mice">Drop or paste them anywhere on this page. </span>
          <span class="limit">Up to {formatBytes(maxFileBytes)} each.</span>
        </p>
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
