import { useEffect, useRef } from 'preact/hooks'
import { announce } from './announcer.tsx'
import { createStore, useStore } from './state/store.ts'
import { Button } from './ui/button.tsx'
import { Icon } from './ui/icon.tsx'

/** A sentence about an event that no list shows. */
export interface NoticeContent {
  text: string
  isFault?: boolean
}

const SHOWN_MS = 20_000

const shown = createStore<NoticeContent | null>(null)

/** Shows and announces a notice. It replaces the last one. */
export function notify(words: NoticeContent): void {
  shown.set(words)
  announce(words.text)
}

export function Notice() {
  const words = useStore(shown)
  const bar = useRef<HTMLElement>(null)
  const hide = (): void => shown.set(null)
  useEffect(() => {
    if (!words) return
    const timer = setInterval(() => {
      // It stays while the user is at its buttons.
      if (!bar.current?.matches(':focus-within, :hover')) hide()
    }, SHOWN_MS)
    return () => clearInterval(timer)
  }, [words])
  if (!words) return null
  const { text, isFault = false } = words
  return (
    <section ref={bar} class={isFault ? 'notice fault' : 'notice'} aria-label="Notice">
      <Icon name={isFault ? 'warning' : 'check'} />
      <p>{text}</p>
      <Button icon="close" words="unseen" onClick={hide}>
        Dismiss
      </Button>
    </section>
  )
}
