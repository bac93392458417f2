import { useState } from 'preact/hooks'
import type { FileLinks } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { Dialog } from './dialog.tsx'

export interface RevokeDialogProps {
  links: FileLinks
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** Asks before every link the user has given away stops working. */
export function RevokeDialog({ links, onClose, onFailure }: RevokeDialogProps) {
  const [words, setWords] = useState('')
  const [done, setDone] = useState(false)

  async function revoke(): Promise<void> {
    try {
      await links.revokeAll()
      setDone(true)
      setWords('Done: none of the links opens anything any more.')
    } catch (error) {
      onFailure(error)
      setWords(error instanceof Error ? error.message : String(error))
    }
  }

  return (
    <Dialog title="Revoke all links" onClose={onClose}>
      <p>
        Every link that you have given away stops working, for every file, and all shares end. The
        files stay, and new links can be made.
      </p>
      <p role="status" class="sentence">
        {words}
      </p>
      <div class="buttons">
        <Button icon="link" look="danger" disabled={done} onClick={() => void revoke()}>
          Revoke them
        </Button>
      </div>
    </Dialog>
  )
}
