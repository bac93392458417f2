import { useEffect, useState } from 'preact/hooks'
import type { Client } from 'telestore-client'
import { type FileKind, kindOf } from '../../library/file-kind.ts'
import type { LibraryEntry } from '../../library/library.ts'
import { linkToShow, saveFile } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { Dialog } from './dialog.tsx'
import { TextFile } from './text-file.tsx'

export interface ViewerDialogProps {
  entry: LibraryEntry
  client: Client
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** Plays or shows one file in place. */
export function ViewerDialog({ entry, client, onClose, onFailure }: ViewerDialogProps) {
  const [link, setLink] = useState<string | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const refuse = (error: unknown): void => {
    onFailure(error)
    setFault(error instanceof Error ? error.message : String(error))
  }
  useEffect(() => {
    linkToShow(client, entry).then(setLink, refuse)
  }, [entry, client])

  return (
    <Dialog title={<bdi>{entry.name}</bdi>} large onClose={onClose}>
      <div class={`viewer of-${kindOf(entry)}`}>
        {fault !== null && (
          <p class="fault" role="alert">
            <Icon name="warning" />
            {fault}
          </p>
        )}
        {fault === null && link === null && <p class="dim">Opening…</p>}
        {fault === null && link !== null && (
          <Shown
            kind={kindOf(entry)}
            link={link}
            name={entry.name}
            onFault={() => setFault('This browser cannot show the file. Download it instead.')}
          />
        )}
      </div>
      <div class="buttons">
        <Button icon="download" onClick={() => void saveFile(client, entry).catch(refuse)}>
          Download
        </Button>
        {link !== null && (
          <a
            class="button plain"
            href={link}
            target="_blank"
            rel="noopener noreferrer"
            aria-label={`Open in a new tab: ${entry.name}`}
          >
            <Icon name="open" />
            <span class="button-words">Open in a new tab</span>
          </a>
        )}
      </div>
    </Dialog>
  )
}

interface ShownProps {
  kind: FileKind
  link: string
  name: string
  onFault: () => void
}

function Shown({ kind, link, name, onFault }: ShownProps) {
  if (kind === 'video') {
    return (
      // biome-ignore lint/a11y/useMediaCaption: the file is the user's own, and comes as it is.
      <video src={link} controls autoPlay playsInline aria-label={name} onError={onFault} />
    )
  }
  if (kind === 'audio') {
    return (
      // biome-ignore lint/a11y/useMediaCaption: the file is the user's own, and comes as it is.
      <audio src={link} controls autoPlay aria-label={name} onError={onFault} />
    )
  }
  if (kind === 'image') return <img src={link} alt={name} onError={onFault} />
  if (kind === 'pdf') return <iframe src={link} title={name} />
  return <TextFile link={link} name={name} onFault={onFault} />
}
