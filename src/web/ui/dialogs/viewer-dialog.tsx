import { useEffect, useState } from 'preact/hooks'
import type { LibraryItem } from 'telestore-client'
import { type FileKind, kindOfItem } from '../../library/file-kind.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { Dialog } from './dialog.tsx'
import { TextFile } from './text-file.tsx'

/** What the viewer knows of a file. */
export type ViewedFile = Pick<LibraryItem, 'messageId' | 'fileName' | 'mimeType'>

export interface ViewerDialogProps {
  file: ViewedFile
  /** All files that can be shown, in the order of the list. */
  files: readonly ViewedFile[]
  links: {
    /** Returns an address at which the browser shows the file. */
    toShow: (file: ViewedFile) => Promise<string>
    /** Makes the browser save the file. */
    save: (file: ViewedFile) => Promise<void>
  }
  onGo: (file: ViewedFile) => void
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** Plays or shows one file in place, and leads to those beside it in the list. */
export function ViewerDialog(props: ViewerDialogProps) {
  const { file, files, links, onGo, onClose, onFailure } = props
  const [link, setLink] = useState<{ of: ViewedFile; url: string } | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const index = files.findIndex(({ messageId }) => messageId === file.messageId)
  const previous = index > 0 ? files[index - 1] : undefined
  const next = index >= 0 ? files[index + 1] : undefined
  const url = link?.of === file ? link.url : null
  const refuse = (error: unknown): void => {
    onFailure(error)
    setFault(error instanceof Error ? error.message : String(error))
  }
  useEffect(() => {
    let isWanted = true
    setFault(null)
    links.toShow(file).then(
      (made) => isWanted && setLink({ of: file, url: made }),
      (error: unknown) => isWanted && refuse(error),
    )
    return () => {
      isWanted = false
    }
  }, [file, links])

  useEffect(() => {
    const turn = (event: KeyboardEvent): void => {
      // A player uses the arrows itself.
      if (event.target instanceof HTMLMediaElement || event.altKey || event.ctrlKey) return
      const to =
        event.key === 'ArrowLeft' ? previous : event.key === 'ArrowRight' ? next : undefined
      if (to) onGo(to)
    }
    document.addEventListener('keydown', turn)
    return () => document.removeEventListener('keydown', turn)
  })

  return (
    <Dialog title={<bdi>{file.fileName}</bdi>} large onClose={onClose}>
      <div class={`viewer of-${kindOfItem(file)}`}>
        {fault !== null && (
          <p class="fault" role="alert">
            <Icon name="warning" />
            {fault}
          </p>
        )}
        {fault === null && url === null && <p class="dim">Opening…</p>}
        {fault === null && url !== null && (
          <Shown
            key={url}
            kind={kindOfItem(file)}
            link={url}
            name={file.fileName}
            onFault={() => setFault('This browser cannot show the file. Download it instead.')}
          />
        )}
      </div>
      <div class="buttons">
        {files.length > 1 && (
          <>
            <Button
              icon="previous"
              words="with-room"
              disabled={!previous}
              onClick={() => previous && onGo(previous)}
            >
              Previous
            </Button>
            <Button
              icon="next"
              words="with-room"
              disabled={!next}
              onClick={() => next && onGo(next)}
            >
              Next
            </Button>
          </>
        )}
        <Button icon="download" onClick={() => void links.save(file).catch(refuse)}>
          Download
        </Button>
        {url !== null && (
          <a
            class="button plain"
            href={url}
            target="_blank"
            rel="noopener noreferrer"
            aria-label={`Open in a new tab: ${file.fileName}`}
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
