import { useRef } from 'preact/hooks'
import { Button } from '../button.tsx'
import type { IconName } from '../icon.tsx'
import { Dialog } from './dialog.tsx'

/** Something that cannot be taken back. */
export interface Question {
  title: string
  words: string
  yes: string
  no: string
  icon: IconName
  onYes: () => void
}

export interface ConfirmDialogProps {
  question: Question
  onClose: () => void
}

/** Asks first. The answer that changes nothing has the focus. */
export function ConfirmDialog({ question, onClose }: ConfirmDialogProps) {
  const { title, words, yes, no, icon, onYes } = question
  const isYes = useRef(false)
  return (
    <Dialog
      title={title}
      onClose={() => {
        onClose()
        // The dialog has given the focus back by then.
        if (isYes.current) setTimeout(onYes)
      }}
    >
      {(close) => (
        <>
          <p class="sentence">{words}</p>
          <div class="buttons">
            <Button icon="check" autofocus onClick={close}>
              {no}
            </Button>
            <Button
              icon={icon}
              look="danger"
              onClick={() => {
                isYes.current = true
                close()
              }}
            >
              {yes}
            </Button>
          </div>
        </>
      )}
    </Dialog>
  )
}
