import { useRef, useState } from 'preact/hooks'
import type { LibraryItem } from 'telestore-client'
import { copyText, type FileLinks, LIFETIMES } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { Dialog } from './dialog.tsx'

export interface ShareDialogProps {
  file: LibraryItem
  links: FileLinks
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** Makes a link to one file, for as long as the user says. */
export function ShareDialog({ file, links, onClose, onFailure }: ShareDialogProps) {
  const [seconds, setSeconds] = useState<number>(LIFETIMES[1].seconds)
  const [link, setLink] = useState('')
  const [words, setWords] = useState('')
  const field = useRef<HTMLInputElement>(null)
  const lifetime = LIFETIMES.find((each) => each.seconds === seconds)?.label

  async function copy(): Promise<void> {
    try {
      const made = await links.toShare(file, seconds)
      setLink(made)
      // The old way of copying needs it in the field at once.
      if (field.current) field.current.value = made
      const copied = field.current !== null && (await copyText(made, field.current))
      setWords(
        copied
          ? `Copied. It opens this file for ${lifetime}, for everyone who has it.`
          : 'The browser does not let this page copy: copy the link from the field.',
      )
    } catch (error) {
      onFailure(error)
      setWords(error instanceof Error ? error.message : String(error))
    }
  }

  return (
    <Dialog
      title={
        <>
          Link to <bdi>{file.fileName}</bdi>
        </>
      }
      onClose={onClose}
    >
      <fieldset class="choices">
        <legend class="label">How long the link works</legend>
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
      <p class="dim small">Everyone who has the link can open this one file, and nothing else.</p>
      <input
        ref={field}
        class={link ? 'field' : 'field unseen'}
        readOnly
        value={link}
        aria-label="Link"
        tabIndex={link ? 0 : -1}
        onFocus={({ currentTarget }) => currentTarget.select()}
      />
      <p role="status" class="sentence">
        {words}
      </p>
      <div class="buttons">
        <Button icon="link" look="main" onClick={() => void copy()}>
          Copy link
        </Button>
      </div>
    </Dialog>
  )
}
