import { useMemo } from 'preact/hooks'
import { countOf, formatBytes, formatTime } from '../../format.ts'
import { type FileKind, kindOfItem } from '../../library/file-kind.ts'
import type { Entry } from '../../library/listing.ts'
import { hashOf, ROOT } from '../../library/place.ts'
import type { Thumbnails } from '../../library/thumbnails.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { EntryPicture } from './entry-picture.tsx'
import { RenameField } from './rename-field.tsx'

export interface EntryCellProps {
  entry: Entry
  thumbnails: Thumbnails
  /** The one entry that the Tab key reaches. */
  isActive: boolean
  isSelected: boolean
  /** Shows the folder of a file, where files of several folders are listed. */
  showsFolder: boolean
  onDownload: (entry: Entry) => void
  /** Its name is a field. */
  isRenaming: boolean
  /** Null: the name stays. */
  onRenamed: (entry: Entry, name: string | null) => void
}

/** A finger that rests on an entry selects it; with a mouse it can be dragged. */
const DRAGS = matchMedia('(pointer: fine)').matches

/**
 * One folder or file: its name opens it, its box selects it. It is drawn again only for other props:
 * while the list scrolls, those of an entry that stays are the same.
 */
export function EntryCell(props: EntryCellProps) {
  return useMemo(() => drawCell(props), Object.values(props))
}

function drawCell(props: EntryCellProps) {
  const { entry, isActive, isSelected, showsFolder, onDownload } = props
  const { isRenaming, onRenamed } = props
  const kind = entry.kind === 'folder' ? 'folder' : kindOfItem(entry.file)
  return (
    // The list has one listener for all of its entries.
    // biome-ignore lint/a11y/useSemanticElements: a table has no entries in tiles.
    <div
      role="gridcell"
      class={isSelected ? 'entry selected' : 'entry'}
      data-key={entry.key}
      data-folder={entry.kind === 'folder' ? entry.folder.path : undefined}
      tabIndex={isActive ? 0 : -1}
      draggable={DRAGS && !isRenaming}
      aria-selected={isSelected}
    >
      <button
        type="button"
        class="entry-check"
        tabIndex={-1}
        aria-pressed={isSelected}
        aria-label={`Select ${entry.name}`}
      >
        {isSelected && <Icon name="check" />}
      </button>
      <span class={`row-icon kind-${kind}`}>
        <Icon name={kind} />
        <EntryPicture entry={entry} thumbnails={props.thumbnails} />
      </span>
      {isRenaming ? (
        <RenameField name={entry.name} onEnd={(name) => onRenamed(entry, name)} />
      ) : (
        <Name entry={entry} kind={kind} words={wordsOn(entry, showsFolder)} />
      )}
      {canBeSaved(entry) && (
        <Button
          icon="download"
          words="unseen"
          of={entry.name}
          tabIndex={-1}
          onClick={() => onDownload(entry)}
        >
          Download
        </Button>
      )}
    </div>
  )
}

/** An empty folder makes no archive. */
function canBeSaved(entry: Entry): boolean {
  return entry.kind === 'file' || entry.folder.files > 0
}

interface NameProps {
  entry: Entry
  kind: FileKind | 'folder'
  words: string
}

function Name({ entry, kind, words }: NameProps) {
  const title = entry.name.length > 20 ? entry.name : undefined
  const common = { class: 'entry-name', tabIndex: -1, title, draggable: false }
  const text = (
    <>
      <span>
        {entry.kind === 'file' && <span class="unseen">{verbOn(kind)} </span>}
        <bdi>{entry.name}</bdi>
      </span>
      <span class="dim small">{words}</span>
    </>
  )
  if (entry.kind === 'file') {
    return (
      <button type="button" {...common}>
        {text}
      </button>
    )
  }
  return (
    <a href={hashOf({ ...ROOT, folder: entry.folder.path })} {...common}>
      {text}
    </a>
  )
}

/** What opening the file does. */
function verbOn(kind: FileKind | 'folder'): string {
  if (kind === 'video' || kind === 'audio') return 'Play'
  return kind === 'archive' || kind === 'other' ? 'Details of' : 'Show'
}

function wordsOn(entry: Entry, showsFolder: boolean): string {
  if (entry.kind === 'folder') {
    const { files, bytes } = entry.folder
    return files === 0 ? 'empty' : `${countOf(files, 'file')} · ${formatBytes(bytes)}`
  }
  const { size, createdAt, folder } = entry.file
  const parts = [formatBytes(size), formatTime(createdAt)]
  if (showsFolder) parts.push(`in ${folder}`)
  return parts.join(' · ')
}
