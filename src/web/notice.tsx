import { useEffect, useRef } from 'preact/hooks'
import { announce } from './announcer.tsx'
import { createStore, useStore } from './state/store.ts'
import { Button } from './ui/button.tsx'
import { Icon } from './ui/icon.tsx'

/** One sentence about what has just happened, where no list shows it. */
export interface NoticeWords {
  text: string
  isFault?: boolean
  /** Takes it back. */
  undo?: () => void
}

const SHOWN_MS = 20_000

const shown = createStore<NoticeWords | null>(null)

/** Shows and says it, in place of what was there. */
export function notify(words: NoticeWords): void {
  shown.set(words)
  announce(words.text)
}

export function Notice() {
  const words = useStore(shown)
  const bar = useRef<HTMLElement>(null)
  const hide = (): void => shown.set(null)
  useEffect(() => {
    if (!words) return
    if (words.undo) bar.current?.querySelector('button')?.focus()
    const timer = setInterval(() => {
      // Whoever is at its buttons gets the time.
      if (!bar.current?.matches(':focus-within, :hover')) hide()
    }, SHOWN_MS)
    return () => clearInterval(timer)
  }, [words])
  if (!words) return null
  const { text, isFault = false, undo } = words
  return (
    <section ref={bar} class={isFault ? 'notice fault' : 'notice'} aria-label="Notice">
      <Icon name={isFault ? 'warning' : 'check'} />
      <p>{text}</p>
      {undo && (
        <Button
          icon="undo"
          onClick={() => {
            undo()
            hide()
          }}
        >
          Undo
        </Button>
      )}
      <Button icon="close" words="unseen" onClick={hide}>
        Dismiss
      </Button>
    </section>
  )
}
