import { useRef, useState } from 'preact/hooks'
import type { LibraryItem } from 'telestore-client'
import { countOf } from '../../format.ts'
import { copyText, type FileLinks, LIFETIMES } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { Dialog } from './dialog.tsx'

export interface ShareDialogProps {
  files: readonly LibraryItem[]
  links: FileLinks
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** Makes a link to each of the files, for as long as the user says. */
export function ShareDialog({ files, links, onClose, onFailure }: ShareDialogProps) {
  const [seconds, setSeconds] = useState<number>(LIFETIMES[1].seconds)
  const [made, setMade] = useState<{ text: string; seconds: number } | null>(null)
  const [words, setWords] = useState('')
  const [isBusy, setBusy] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const lifetime = LIFETIMES.find((each) => each.seconds === seconds)?.label
  const [alone] = files.length === 1 ? files : []

  /** One line for each file. A second click copies the same links. */
  async function makeLinks(): Promise<string> {
    if (made?.seconds === seconds) return made.text
    const lines: string[] = []
    for (const [index, file] of files.entries()) {
      if (!alone) setWords(`Link ${index + 1} of ${files.length} …`)
      lines.push(await links.toShare(file, seconds))
    }
    const text = lines.join('\n')
    setMade({ text, seconds })
    return text
  }

  async function copy(): Promise<void> {
    setBusy(true)
    try {
      const text = await makeLinks()
      // The old way of copying needs it in the field at once.
      if (field.current) field.current.value = text
      const isCopied = field.current !== null && (await copyText(text, field.current))
      const opens = alone ? 'It opens this file' : 'Each opens its file'
      setWords(
        isCopied
          ? `Copied. ${opens} for ${lifetime}, for everyone who has it.`
          : 'The browser does not let this page copy: copy from the field.',
      )
    } catch (error) {
      onFailure(error)
      setWords(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }

  return (
    <Dialog
      title={
        alone ? (
          <>
            Link to <bdi>{alone.fileName}</bdi>
          </>
        ) : (
          `Links to ${countOf(files.length, 'file')}`
        )
      }
      onClose={onClose}
    >
      <fieldset class="choices">
        <legend class="label">How long {alone ? 'the link works' : 'the links work'}</legend>
        {LIFETIMES.map(({ seconds: each, label }) => (
          <label key={each} class="choice">
            <input
              type="radio"
              name="lifetime"
              checked={each === seconds}
              onChange={() => setSeconds(each)}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <p class="dim small">
        {alone
          ? 'Everyone who has the link can open this one file, and nothing else.'
          : 'Everyone who has one of the links can open its file, and nothing else.'}
      </p>
      <textarea
        ref={field}
        class={made ? 'field' : 'field unseen'}
        readOnly
        rows={Math.min(files.length, 6)}
        value={made?.text ?? ''}
        aria-label={alone ? 'Link' : 'Links'}
        tabIndex={made ? 0 : -1}
        onFocus={({ currentTarget }) => currentTarget.select()}
      />
      <p role="status" class="sentence">
        {words}
      </p>
      <div class="buttons">
        <Button icon="link" look="main" disabled={isBusy} onClick={() => void copy()}>
          {alone ? 'Copy link' : 'Copy all links'}
        </Button>
      </div>
    </Dialog>
  )
}
