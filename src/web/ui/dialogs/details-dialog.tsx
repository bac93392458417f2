import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { LibraryItem } from 'telestore-client'
import { formatBytes, formatDate } from '../../format.ts'
import { copyText, type FileLinks } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { Dialog } from './dialog.tsx'

export interface DetailsDialogProps {
  file: LibraryItem
  links: FileLinks
  onClose: () => void
  onFailure: (error: unknown) => void
  onShare: () => void
}

/** Everything that is known of one file. */
export function DetailsDialog({ file, links, onClose, onFailure, onShare }: DetailsDialogProps) {
  const [words, setWords] = useState('')
  const { fileName, folder, size, mimeType, createdAt, modifiedAt, sha256, verified, link } = file
  const refuse = (error: unknown): void => {
    onFailure(error)
    setWords(error instanceof Error ? error.message : String(error))
  }
  return (
    <Dialog title={<bdi>{fileName}</bdi>} onClose={onClose}>
      <dl class="details">
        <Detail term="Folder">
          <bdi>{folder}</bdi>
        </Detail>
        <Detail term="Size">
          {formatBytes(size)}
          {size >= 1000 && ` (${size.toLocaleString()} bytes)`}
        </Detail>
        {mimeType && <Detail term="Type">{mimeType}</Detail>}
        <Detail term="In Telegram since">{formatDate(createdAt)}</Detail>
        {modifiedAt !== null && <Detail term="Last changed">{formatDate(modifiedAt)}</Detail>}
        <Detail term="Posted by">
          {file.postedBy === 'telestore' ? 'TeleStore' : 'an app of Telegram'}
        </Detail>
        {sha256 !== null && <Digest {...{ sha256, verified }} onCopied={setWords} />}
      </dl>
      <p role="status" class="sentence">
        {words}
      </p>
      <div class="buttons">
        <Button icon="download" look="main" onClick={() => void links.save(file).catch(refuse)}>
          Download
        </Button>
        <Button icon="link" onClick={onShare}>
          Share
        </Button>
        {link.startsWith('https://') && (
          <a class="button plain" href={link} target="_blank" rel="noopener noreferrer">
            <Icon name="open" />
            <span class="button-words">Open in Telegram</span>
          </a>
        )}
      </div>
    </Dialog>
  )
}

function Detail({ term, children }: { term: string; children: ComponentChildren }) {
  return (
    <div>
      <dt class="dim small">{term}</dt>
      <dd>{children}</dd>
    </div>
  )
}

interface DigestProps extends Pick<LibraryItem, 'verified'> {
  sha256: string
  onCopied: (words: string) => void
}

function Digest({ sha256, verified, onCopied }: DigestProps) {
  const field = useRef<HTMLInputElement>(null)
  async function copy(): Promise<void> {
    const isCopied = field.current !== null && (await copyText(sha256, field.current))
    onCopied(isCopied ? 'Copied.' : 'The browser does not let this page copy.')
  }
  return (
    <Detail term={`SHA-256, ${verified ? 'verified' : 'as the post says it'}`}>
      <span class="with-button">
        <input ref={field} class="field digest" readOnly value={sha256} aria-label="SHA-256" />
        <Button icon="copy" words="unseen" onClick={() => void copy()}>
          Copy the SHA-256
        </Button>
      </span>
    </Detail>
  )
}
