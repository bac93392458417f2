import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Button } from '../button.tsx'

export interface DialogProps {
  title: ComponentChildren
  /** The window is as large as it may be. */
  large?: boolean
  onClose: () => void
  /** What is inside; as a function it gets what closes the dialog. */
  children: ComponentChildren | ((close: () => void) => ComponentChildren)
}

/** The browser's own dialog: it keeps the focus inside, and gives it back. */
export function Dialog({ title, large = false, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const opener = document.activeElement
    const shown = dialog.current
    shown?.showModal()
    shown?.querySelector<HTMLElement>('[data-autofocus]')?.focus()
    return () => {
      // The focus may be on another element by now.
      const focused = document.activeElement
      const isLost = focused === null || focused === document.body || shown?.contains(focused)
      if (isLost && opener instanceof HTMLElement && opener.isConnected) opener.focus()
    }
  }, [])
  const close = (): void => dialog.current?.close()
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it as well, by the browser.
    <dialog
      ref={dialog}
      class={large ? 'dialog large' : 'dialog'}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="dialog-inside">
        <div class="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <Button icon="close" words="unseen" onClick={close}>
            Close
          </Button>
        </div>
        {typeof children === 'function' ? children(close) : children}
      </div>
    </dialog>
  )
}
