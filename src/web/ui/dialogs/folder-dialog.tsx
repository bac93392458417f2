import { useState } from 'preact/hooks'
import { Button } from '../button.tsx'
import { Dialog } from './dialog.tsx'

export interface FolderDialogProps {
  onClose: () => void
  /** Resolves with whether the folder was made. */
  onMake: (name: string) => Promise<boolean>
}

/** Asks for the name of a new folder. */
export function FolderDialog({ onClose, onMake }: FolderDialogProps) {
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const isUsable = name.trim() !== '' && !name.includes('/') && !busy

  async function make(close: () => void): Promise<void> {
    if (!isUsable) return
    setBusy(true)
    if (await onMake(name.trim())) close()
    setBusy(false)
  }

  return (
    <Dialog title="New folder" onClose={onClose}>
      {(close) => (
        <form
          class="folder-form"
          onSubmit={(event) => {
            event.preventDefault()
            void make(close)
          }}
        >
          <label class="label" for="folder-name">
            Name
          </label>
          <input
            id="folder-name"
            class="field"
            data-autofocus
            value={name}
            autocomplete="off"
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
          <p class="fault small">{name.includes('/') ? 'A name has no slash.' : ''}</p>
          <div class="buttons">
            <Button icon="folder" look="main" disabled={!isUsable} onClick={() => void make(close)}>
              Make the folder
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  )
}
