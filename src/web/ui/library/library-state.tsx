import type { LibrarySync } from 'telestore-client'
import type { ListingState } from '../../library/listing.ts'
import { type Place, ROOT } from '../../library/place.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'

/** How well the list shows the channel; nothing while it shows all of it. */
export function SyncLine({ sync }: { sync: LibrarySync | null }) {
  const words = sync && sentenceOn(sync)
  if (!words) return null
  return <p class="sync dim small">{words}</p>
}

function sentenceOn({ state, seen, total }: LibrarySync): string | null {
  if (state === 'never')
    return 'The channel has not been read yet. What is in it appears here soon.'
  if (state === 'scanning') {
    const of = total === null ? '' : ` of ${total}`
    return `Reading the channel: ${seen}${of} messages so far.`
  }
  if (state === 'unavailable') {
    return 'The bot of this worker cannot read its channel, so only files that went through this worker are listed.'
  }
  return null
}

export interface NothingHereProps {
  state: ListingState
  place: Place
  onRetry: () => void
  onPlace: (place: Place) => void
}

/** Says why there is nothing, and what to do. */
export function NothingHere({ state, place, onRetry, onPlace }: NothingHereProps) {
  const { entries, isLoading, error, sync } = state
  if (error !== null) return <Fault error={error} place={place} {...{ onRetry, onPlace }} />
  if (entries.length > 0) return null
  if (isLoading) return <p class="dim empty">Loading…</p>
  const clear = (): void => onPlace({ ...place, words: '', kind: null })
  if (place.words !== '' || place.kind !== null) {
    return (
      <div class="empty">
        <p class="dim">
          No file here{' '}
          {place.words === '' ? 'is of this kind.' : `has “${place.words}” in its name`}
          {place.words !== '' && (place.kind === null ? '.' : ' and is of this kind.')}
        </p>
        <Button icon="close" onClick={clear}>
          Show all files
        </Button>
      </div>
    )
  }
  if (place.folder !== '/') {
    return <p class="dim empty">This folder is empty. What you add now goes into it.</p>
  }
  if (sync?.state === 'scanning' || sync?.state === 'never') return null
  return <p class="dim empty">What you upload is listed here, to play, save and share.</p>
}

function Fault({
  error,
  place,
  onRetry,
  onPlace,
}: Omit<NothingHereProps, 'state'> & { error: unknown }) {
  const isGone = Reflect.get(Object(error), 'code') === 'FOLDER_NOT_FOUND'
  return (
    <div class="empty">
      <p class="fault" role="alert">
        <Icon name="warning" />
        {isGone
          ? 'There is no such folder. It may have been moved, renamed or deleted.'
          : `The list did not come. ${error instanceof Error ? error.message : String(error)}`}
      </p>
      <div class="buttons">
        {isGone && place.folder !== '/' && (
          <Button icon="folder" onClick={() => onPlace(ROOT)}>
            Show all folders
          </Button>
        )}
        <Button icon="retry" onClick={onRetry}>
          Try again
        </Button>
      </div>
    </div>
  )
}
