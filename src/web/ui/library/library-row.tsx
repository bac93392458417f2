import type { Client } from 'telestore-client'
import { formatBytes, formatTime } from '../../format.ts'
import { canBeShown, kindOf } from '../../library/file-kind.ts'
import type { LibraryEntry } from '../../library/library.ts'
import { saveFile } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { FileName } from '../file-name.tsx'
import { Icon } from '../icon.tsx'

export interface LibraryRowProps {
  entry: LibraryEntry
  client: Client
  onOpen: () => void
  onShare: () => void
  onRemove: () => void
  onFailure: (error: unknown) => void
}

/** One file that is in Telegram. */
export function LibraryRow(props: LibraryRowProps) {
  const { entry, client, onOpen, onShare, onRemove, onFailure } = props
  const { name, size, at } = entry
  const kind = kindOf(entry)
  const plays = kind === 'video' || kind === 'audio'
  return (
    <li class="row">
      <span class={`row-icon kind-${kind}`}>
        <Icon name={kind} />
      </span>
      <div class="row-text">
        <FileName name={name} />
        <p class="dim small">
          {formatBytes(size)} · <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>
        </p>
      </div>
      <div class="row-actions">
        {canBeShown(kind) && (
          <Button icon={plays ? 'play' : 'eye'} words="with-room" of={name} onClick={onOpen}>
            {plays ? 'Play' : 'Show'}
          </Button>
        )}
        <Button
          icon="download"
          words="with-room"
          of={name}
          onClick={() => void saveFile(client, entry).catch(onFailure)}
        >
          Download
        </Button>
        <Button icon="link" words="with-room" of={name} onClick={onShare}>
          Link
        </Button>
        <Button icon="close" words="unseen" of={name} onClick={onRemove}>
          Remove from the list
        </Button>
      </div>
    </li>
  )
}
