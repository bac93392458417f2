import { useRef, useState } from 'preact/hooks'
import { isolate } from '../../format.ts'
import type { ConflictAnswer } from '../../uploads/conflicts.ts'
import { Button } from '../button.tsx'
import { Dialog } from './dialog.tsx'

export interface ConflictDialogProps {
  name: string
  folder: string
  /** There are, or may be, others like it. */
  asksForAll: boolean
  onAnswer: (answer: ConflictAnswer, forAll: boolean) => void
  /** The user does not want to answer now. */
  onClose: () => void
}

/** Asks what becomes of a file whose folder has one of its name. The safe answer has the focus. */
export function ConflictDialog(props: ConflictDialogProps) {
  const { name, folder, asksForAll, onAnswer, onClose } = props
  const [forAll, setForAll] = useState(false)
  const given = useRef<ConflictAnswer | null>(null)
  return (
    <Dialog
      title="There is a file of this name"
      onClose={() => {
        if (given.current) onAnswer(given.current, forAll)
        else onClose()
      }}
    >
      {(close) => {
        const answer = (wanted: ConflictAnswer): void => {
          given.current = wanted
          close()
        }
        return (
          <>
            <p class="sentence">
              {folder === '/' ? 'The library' : isolate(folder)} has a file named {isolate(name)}{' '}
              already.
            </p>
            {asksForAll && (
              <label class="check">
                <input
                  type="checkbox"
                  checked={forAll}
                  onChange={({ currentTarget }) => setForAll(currentTarget.checked)}
                />
                <span>Do the same for all others</span>
              </label>
            )}
            <div class="buttons">
              <Button icon="copy" look="main" autofocus onClick={() => answer('keep-both')}>
                Keep both
              </Button>
              <Button icon="retry" look="danger" onClick={() => answer('replace')}>
                Replace
              </Button>
              <Button icon="close" onClick={() => answer('skip')}>
                Skip this one
              </Button>
            </div>
          </>
        )
      }}
    </Dialog>
  )
}
