import { useCallback, useEffect, useState } from 'preact/hooks'
import type { LibraryItem } from 'telestore-client'
import { announce } from '../../announcer.tsx'
import { canBeShown, kindOfItem } from '../../library/file-kind.ts'
import type { Library } from '../../library/library.ts'
import type { FileLinks } from '../../library/links.ts'
import type { Entry, ListingState } from '../../library/listing.ts'
import { type Place, ROOT } from '../../library/place.ts'
import { chooseAll, NOTHING, type Selection } from '../../library/selection.ts'
import { useStore } from '../../state/store.ts'
import type { Workspace } from '../../state/workspace.ts'
import { DetailsDialog, ShareDialog, ViewerDialog } from '../dialogs/lazy-dialogs.ts'
import { DropZone } from '../drop-zone.tsx'
import { Entries } from './entries.tsx'
import { NothingHere, SyncLine } from './library-state.tsx'
import { SelectionBar, wordsOn } from './selection-bar.tsx'
import { Crumbs, Toolbar } from './toolbar.tsx'

export interface LibraryViewProps {
  work: Workspace
  maxFileBytes: number
}

type Opened = { kind: 'viewer' | 'share' | 'details'; file: LibraryItem } | { kind: 'none' }

/** What is in the channel. */
export function LibraryView({ work, maxFileBytes }: LibraryViewProps) {
  const { library, links, uploads, onFailure } = work
  const { listing, go } = library
  const place = useStore(library.place)
  const preferences = useStore(library.preferences)
  const selection = useStore(library.selection)
  const state = useStore(listing.state)
  const [opened, setOpened] = useState<Opened>({ kind: 'none' })
  const isUploading = useStore(uploads.files).length > 0
  const chosen = state.entries.filter(({ key }) => selection.chosen.has(key))
  const close = (): void => setOpened((now) => (now === opened ? { kind: 'none' } : now))
  const more = useCallback(() => void listing.more(), [listing])
  useTitleFocus(place)

  function select(next: Selection): void {
    library.selection.set(next)
    const now = state.entries.filter(({ key }) => next.chosen.has(key))
    announce(now.length === 0 ? 'Nothing selected' : wordsOn(now))
  }

  async function selectAll(): Promise<void> {
    await listing.all()
    select(chooseAll(listing.state.value.entries.map(({ key }) => key)))
  }

  function open(entry: Entry): void {
    if (entry.kind === 'folder') go({ ...ROOT, folder: entry.folder.path }, 'step')
    else
      setOpened({
        kind: canBeShown(kindOfItem(entry.file)) ? 'viewer' : 'details',
        file: entry.file,
      })
  }

  async function download(files: readonly LibraryItem[]): Promise<void> {
    for (const file of files) await links.save(file)
  }

  return (
    <section class="card library" aria-label="In Telegram">
      <Crumbs folder={place.folder} />
      <DropZone
        small={!isBlank(state, place) || isUploading}
        maxFileBytes={maxFileBytes}
        onPicked={(picked, folder) => void uploads.add(picked, folder ?? place.folder)}
      />
      <div class={chosen.length > 0 ? 'tools selecting' : 'tools'}>
        <Toolbar
          place={place}
          preferences={preferences}
          onPlace={go}
          onPreferences={library.preferences.set}
        />
        {chosen.length > 0 && (
          <SelectionBar
            chosen={chosen}
            onDownload={(files) => void download(files).catch(onFailure)}
            onShare={(file) => setOpened({ kind: 'share', file })}
            onDetails={(file) => setOpened({ kind: 'details', file })}
            onAll={() => void selectAll()}
            onClear={() => {
              select(NOTHING)
              focusEntries()
            }}
          />
        )}
      </div>
      <SyncLine sync={state.sync} />
      <NothingHere
        state={state}
        place={place}
        onRetry={() => void listing.refresh()}
        onPlace={(next) => go(next, 'step')}
      />
      {state.entries.length > 0 && (
        <Entries
          entries={state.entries}
          view={preferences.view}
          selection={selection}
          showsFolder={place.words !== '' || place.kind !== null}
          onSelect={select}
          onSelectAll={() => void selectAll()}
          onOpen={open}
          onDownload={(file) => void download([file]).catch(onFailure)}
          onNearEnd={more}
        />
      )}
      <Dialogs
        {...{ opened, setOpened, close, links, library }}
        onFailure={work.dropRefusedToken}
      />
    </section>
  )
}

interface DialogsProps {
  opened: Opened
  setOpened: (opened: Opened) => void
  close: () => void
  links: FileLinks
  library: Library
  onFailure: (error: unknown) => void
}

function Dialogs({ opened, setOpened, close, links, library, onFailure }: DialogsProps) {
  const { entries } = library.listing.state.value
  if (opened.kind === 'none') return null
  const { file } = opened
  const common = { file, links, onClose: close, onFailure }
  if (opened.kind === 'share') return <ShareDialog {...common} />
  if (opened.kind === 'details') {
    return <DetailsDialog {...common} onShare={() => setOpened({ kind: 'share', file })} />
  }
  const files = entries.flatMap((entry) =>
    entry.kind === 'file' && canBeShown(kindOfItem(entry.file)) ? [entry.file] : [],
  )
  return (
    <ViewerDialog
      {...common}
      files={files}
      onGo={(next) => setOpened({ kind: 'viewer', file: next })}
    />
  )
}

/** There is nothing at all: the page invites to add files. */
function isBlank({ entries, isLoading, error, sync }: ListingState, place: Place): boolean {
  const isRoot = place.folder === '/' && place.words === '' && place.kind === null
  const isKnown = sync?.state === 'current' || sync?.state === 'unavailable'
  return isRoot && entries.length === 0 && !isLoading && error === null && isKnown
}

/** The button that had the focus goes with the selection. */
function focusEntries(): void {
  document.querySelector<HTMLElement>('.entries [role=gridcell][tabindex="0"]')?.focus()
}

/** In another folder the focus is at its name, and the page at its top. */
function useTitleFocus({ folder }: Place): void {
  const [before, setBefore] = useState(folder)
  useEffect(() => {
    if (before === folder) return
    setBefore(folder)
    scrollTo({ top: 0 })
    document.getElementById('library-title')?.focus({ preventScroll: true })
  }, [folder, before])
}
