import { useEffect, useRef, useState } from 'preact/hooks'
import { Announcer, announce } from '../announcer.tsx'
import { countOf, formatBytes } from '../format.ts'
import logo from '../icon.svg?url'
import { placeOf } from '../library/place.ts'
import { Notice } from '../notice.tsx'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icon.tsx'
import { PasswordForm } from './password-form.tsx'
import type { Answer, Share, SharedFiles } from './share.ts'
import { ShareContent } from './share-content.tsx'

/** Everything at the address of a share: its files, the question for its password, or why it is closed. */
export function SharePage({ share }: { share: Share }) {
  const folder = useFolder()
  const [shown, setShown] = useState<{ folder: string; answer: Answer<SharedFiles> } | null>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const wasHere = useRef(false)

  async function load(): Promise<void> {
    const answer = await share.list(folder, null)
    setShown({ folder, answer })
    if (answer.kind === 'given') announce(countOf(answer.value.items.length, 'file'))
  }

  async function more(): Promise<void> {
    if (shown?.answer.kind !== 'given' || shown.answer.value.next === null) return
    const { value } = shown.answer
    const next = await share.list(folder, value.next)
    if (next.kind !== 'given') return setShown({ folder, answer: next })
    const items = [...value.items, ...next.value.items]
    const folders = [...value.folders, ...next.value.folders]
    setShown({ folder, answer: { kind: 'given', value: { ...next.value, items, folders } } })
  }

  useEffect(() => {
    void load()
    // What is left of the downloads changes while the page is not looked at.
    const look = (): void => {
      if (document.visibilityState === 'visible') void load()
    }
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [folder])

  useEffect(() => {
    if (shown?.folder !== folder) return
    // In another folder the focus is at its beginning, as on a new page.
    if (wasHere.current) heading.current?.focus()
    wasHere.current = true
  }, [shown?.folder, shown?.answer.kind])

  const answer = shown?.answer
  return (
    <>
      <header class="share-top">
        <img src={logo} alt="" width={28} height={28} />
        <span>TeleStore</span>
      </header>
      <main>
        {answer === undefined && <p class="dim share-wait">Opening…</p>}
        {answer?.kind === 'locked' && (
          <PasswordForm unlock={share.unlock} onUnlocked={() => void load()} />
        )}
        {answer?.kind === 'refused' && (
          <Closed {...answer} heading={heading} onRetry={() => void load()} />
        )}
        {answer?.kind === 'given' && (
          <ShareContent
            share={share}
            content={answer.value}
            folder={shown?.folder ?? '/'}
            heading={heading}
            onMore={() => void more()}
            onTaken={() => void load()}
          />
        )}
      </main>
      <footer class="share-foot dim small">
        {answer?.kind === 'given' && <Facts content={answer.value} />}
      </footer>
      <div class="dock">
        <Notice />
      </div>
      <Announcer />
    </>
  )
}

function Facts({ content: { total, expiresAt } }: { content: SharedFiles }) {
  const until = new Date(expiresAt).toLocaleString([], { dateStyle: 'long', timeStyle: 'short' })
  return (
    <p>
      {countOf(total.files, 'file')}, {formatBytes(total.bytes)}. The link works until {until}.
    </p>
  )
}

interface ClosedProps {
  words: string
  mayPass: boolean
  heading: { current: HTMLHeadingElement | null }
  onRetry: () => void
}

function Closed({ words, mayPass, heading, onRetry }: ClosedProps) {
  return (
    <section class="card share-card share-narrow">
      <span class="share-mark">
        <Icon name="warning" />
      </span>
      <h1 ref={heading} tabIndex={-1}>
        {mayPass ? 'This cannot be opened right now' : 'This link does not work any more'}
      </h1>
      <p>{words}</p>
      {mayPass ? (
        <Button icon="retry" look="main" onClick={onRetry}>
          Try again
        </Button>
      ) : (
        <p class="dim">Ask the person who sent it for a new one.</p>
      )}
    </section>
  )
}

/** The folder in the address, from `#` on. */
function useFolder(): string {
  const [folder, setFolder] = useState(() => placeOf(location.hash).folder)
  useEffect(() => {
    const follow = (): void => setFolder(placeOf(location.hash).folder)
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return folder
}
