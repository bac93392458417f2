import type { LibraryItem } from 'telestore-client'
import { formatBytes } from '../../format.ts'
import type { Entry } from '../../library/listing.ts'
import { Button } from '../button.tsx'
import type { Shared } from '../dialogs/share-dialog.tsx'

export interface SelectionBarProps {
  chosen: readonly Entry[]
  onDownload: () => void
  onShare: (shared: Shared) => void
  onDetails: (file: LibraryItem) => void
  onRename: (entry: Entry) => void
  onMove: () => void
  onDelete: () => void
  onAll: () => void
  onClear: () => void
}

/** Files of one share. */
const MOST_SHARED = 500

/** What can be done with the selected entries. It takes the place of search and order. */
export function SelectionBar(props: SelectionBarProps) {
  const { chosen, onDownload, onShare, onDetails, onAll, onClear } = props
  const { onRename, onMove, onDelete } = props
  const [first] = chosen
  const files = chosen.flatMap((entry) => (entry.kind === 'file' ? [entry.file] : []))
  const shared = sharedBy(chosen, files)
  const alone = chosen.length === 1 ? files[0] : undefined
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields.
    <div class="toolbar selection-bar" role="group" aria-label="Selection">
      <Button icon="close" words="unseen" onClick={onClear}>
        Clear the selection
      </Button>
      <p class="selection-words">{wordsOn(chosen)}</p>
      <div class="buttons">
        <Button icon="download" words="with-room" onClick={onDownload}>
          Download
        </Button>
        {shared && (
          <Button icon="link" words="with-room" onClick={() => onShare(shared)}>
            Share
          </Button>
        )}
        {alone && (
          <Button icon="info" words="with-room" onClick={() => onDetails(alone)}>
            Details
          </Button>
        )}
        {first && chosen.length === 1 && (
          <Button icon="rename" words="with-room" onClick={() => onRename(first)}>
            Rename
          </Button>
        )}
        <Button icon="move" words="with-room" onClick={onMove}>
          Move
        </Button>
        <Button icon="delete" words="with-room" onClick={onDelete}>
          Delete
        </Button>
        <Button icon="select-all" words="with-room" onClick={onAll}>
          Select all
        </Button>
      </div>
    </div>
  )
}

/** Either files are shared, or one folder; null: neither is selected. */
function sharedBy(chosen: readonly Entry[], files: readonly LibraryItem[]): Shared | null {
  const [first] = chosen
  if (first?.kind === 'folder' && chosen.length === 1) return { folder: first.folder.path }
  return files.length === chosen.length && files.length <= MOST_SHARED ? { files } : null
}

export function wordsOn(chosen: readonly Entry[]): string {
  const bytes = chosen.map((entry) =>
    entry.kind === 'file' ? entry.file.size : entry.folder.bytes,
  )
  const total = bytes.reduce((sum, each) => sum + each, 0)
  return `${chosen.length} selected · ${formatBytes(total)}`
}
