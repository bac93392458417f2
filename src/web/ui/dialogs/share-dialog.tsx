import { useEffect, useRef, useState } from 'preact/hooks'
import type { Client, LibraryItem, Share } from 'telestore-client'
import { announce } from '../../announcer.tsx'
import { countOf } from '../../format.ts'
import { namesOf } from '../../library/place.ts'
import { Button } from '../button.tsx'
import { Dialog } from './dialog.tsx'
import { ShareLink } from './share-link.tsx'
import { Field, Lifetimes, WEEK } from './share-terms/share-fields.tsx'

/** Files, or the path of a folder. */
export type Shared = { files: readonly LibraryItem[] } | { folder: string }

export interface ShareDialogProps {
  shared: Shared
  shares: Client['shares']
  onAll: () => void
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** Makes a link with a page to files or a folder, on the user's terms. */
export function ShareDialog({ shared, shares, onAll, onClose, onFailure }: ShareDialogProps) {
  const [seconds, setSeconds] = useState(WEEK)
  const [made, setMade] = useState<{ share: Share; wantedUntil: number } | null>(null)
  const [fault, setFault] = useState('')
  const [isBusy, setBusy] = useState(false)
  const result = useRef<HTMLDivElement>(null)

  useEffect(() => {
    if (made === null) return
    // The form that had the focus is gone.
    result.current?.querySelector<HTMLElement>('.button')?.focus()
    announce('The link is made')
  }, [made])

  async function make(form: HTMLFormElement): Promise<void> {
    const fields = new FormData(form)
    const text = (name: string): string => String(fields.get(name) ?? '')
    const limit = Number(text('maxDownloads'))
    const content =
      'folder' in shared
        ? { folder: shared.folder }
        : { items: shared.files.map(({ messageId }) => messageId) }
    setBusy(true)
    try {
      const share = await shares.create(content, {
        expiresIn: seconds,
        title: text('title') || null,
        password: text('password') || null,
        maxDownloads: limit > 0 ? limit : null,
      })
      setMade({ share, wantedUntil: Date.now() + seconds * 1000 })
    } catch (error) {
      onFailure(error)
      setFault(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }

  return (
    <Dialog title={<Title shared={shared} />} onClose={onClose}>
      {made === null ? (
        <form
          class="share-terms"
          onSubmit={(event) => {
            event.preventDefault()
            if (!isBusy) void make(event.currentTarget)
          }}
        >
          <Lifetimes label="How long the link works" chosen={seconds} onChoose={setSeconds} />
          <Field name="title" label="Title, for those who open it" maxLength={200} />
          <Field name="password" label="Password" maxLength={256} />
          <Field name="maxDownloads" label="Downloads at most" isNumber />
          {'folder' in shared && (
            <p class="dim small">
              The link shows what is in the folder when it is opened, also what you add later.
            </p>
          )}
          <p role="alert" class="fault">
            {fault}
          </p>
          <div class="buttons">
            <button type="submit" class="button main" aria-disabled={isBusy}>
              {isBusy ? 'Making the link…' : 'Make the link'}
            </button>
            <Button icon="list" onClick={onAll}>
              All shares
            </Button>
          </div>
        </form>
      ) : (
        <div ref={result} class="share-terms">
          <ShareLink {...made} />
          <div class="buttons">
            <Button icon="list" onClick={onAll}>
              All shares
            </Button>
          </div>
        </div>
      )}
    </Dialog>
  )
}

function Title({ shared }: { shared: Shared }) {
  if ('folder' in shared) {
    return (
      <>
        Share <bdi>{namesOf(shared.folder).at(-1) ?? 'everything'}</bdi>
      </>
    )
  }
  const [alone] = shared.files.length === 1 ? shared.files : []
  if (!alone) return <>Share {countOf(shared.files.length, 'file')}</>
  return (
    <>
      Share <bdi>{alone.fileName}</bdi>
    </>
  )
}
