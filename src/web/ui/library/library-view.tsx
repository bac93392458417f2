import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type { LibraryItem } from 'telestore-client'
import { announce } from '../../announcer.tsx'
import { planDownload } from '../../library/downloads.ts'
import { canBeShown, kindOfItem } from '../../library/file-kind.ts'
import type { Entry, ListingState } from '../../library/listing.ts'
import { namesOf, type Place, pathOf, ROOT } from '../../library/place.ts'
import { chooseAll, NOTHING, type Selection } from '../../library/selection.ts'
import { useStore } from '../../state/store.ts'
import type { Workspace } from '../../state/workspace.ts'
import type { WorkerTerms } from '../../worker.ts'
import { AllShares } from '../all-shares.tsx'
import { DetailsDialog, FolderDialog, MoveDialog, ShareDialog } from '../dialogs/lazy-dialogs.ts'
import { ViewerDialog } from '../dialogs/lazy-viewer.ts'
import type { Shared } from '../dialogs/share-dialog.tsx'
import { DropZone } from '../drop-zone.tsx'
import { Entries } from './entries.tsx'
import { NothingHere, SyncLine } from './library-state.tsx'
import { SelectionBar, wordsOn } from './selection-bar.tsx'
import { Crumbs, Toolbar } from './toolbar.tsx'
import { useMoveDrag } from './use-move-drag.ts'

export interface LibraryViewProps {
  work: Workspace
  terms: WorkerTerms
}

type Opened =
  | { kind: 'viewer' | 'details'; file: LibraryItem }
  | { kind: 'share'; shared: Shared }
  | { kind: 'shares' }
  | { kind: 'move'; entries: readonly Entry[] }
  | { kind: 'folder' }
  | { kind: 'none' }

/** What is in the channel. */
export function LibraryView({ work, terms }: LibraryViewProps) {
  const { library, links, uploads, changes, onFailure } = work
  const { listing, go } = library
  const place = useStore(library.place)
  const preferences = useStore(library.preferences)
  const selection = useStore(library.selection)
  const listed = useStore(listing.state)
  const hidden = useStore(changes.deletes.hidden)
  const entries = useMemo(
    () => listed.entries.filter(({ key }) => !hidden.has(key)),
    [listed.entries, hidden],
  )
  const state = { ...listed, entries }
  const [renaming, setRenaming] = useState<string | null>(null)
  const [opened, setOpened] = useState<Opened>({ kind: 'none' })
  const isUploading = useStore(uploads.files).length > 0
  const chosen = entries.filter(({ key }) => selection.chosen.has(key))
  const close = (): void => setOpened((now) => (now === opened ? { kind: 'none' } : now))
  const more = useCallback(() => void listing.more(), [listing])
  useTitleFocus(place)

  function select(next: Selection): void {
    library.selection.set(next)
    const now = listing.state.value.entries.filter(({ key }) => next.chosen.has(key))
    announce(now.length === 0 ? 'Nothing selected' : wordsOn(now))
  }

  async function selectAll(): Promise<void> {
    await listing.all()
    const keys = listing.state.value.entries.map(({ key }) => key)
    select(chooseAll(keys.filter((key) => !changes.deletes.hidden.value.has(key))))
  }

  function open(entry: Entry): void {
    if (entry.kind === 'folder') go({ ...ROOT, folder: entry.folder.path }, 'step')
    else
      setOpened({
        kind: canBeShown(kindOfItem(entry.file)) ? 'viewer' : 'details',
        file: entry.file,
      })
  }

  async function download(entries: readonly Entry[]): Promise<void> {
    const isAll = entries.length === state.entries.length && listed.next === null
    const isPlain = place.words === '' && place.kind === null && hidden.size === 0
    const saved = await planDownload({
      chosen: entries,
      whole: isAll && isPlain && entries.length > 1 ? place.folder : null,
      filesBelow: library.filesBelow,
    })
    for (const each of saved) {
      if (each.kind === 'file') await links.save(each.file)
      else await links.saveArchive(each.content)
    }
  }

  /** What is selected; without a selection the entry alone. */
  function withSelection(entry: Entry): readonly Entry[] {
    return chosen.length > 0 ? chosen : [entry]
  }

  function remove(entries: readonly Entry[]): void {
    library.selection.set(NOTHING)
    changes.deletes.add(entries)
    focusEntries()
  }

  function move(entries: readonly Entry[], folder: string): void {
    library.selection.set(NOTHING)
    void changes.move(entries, folder)
  }

  function renamed(entry: Entry, name: string | null): void {
    setRenaming(null)
    focusEntries()
    if (name !== null) void changes.rename(entry, name)
  }

  const drag = useMoveDrag({
    draggedWith: (key) => {
      const entry = state.entries.find((each) => each.key === key)
      if (!entry) return []
      return selection.chosen.has(key) ? chosen : [entry]
    },
    onMove: move,
  })

  return (
    <section class="card library" aria-label="In Telegram" {...drag}>
      <Crumbs folder={place.folder} />
      <DropZone
        small={!isBlank(state, place) || isUploading}
        maxFileBytes={terms.maxFileBytes}
        onPicked={(picked, folder) => void uploads.add(picked, folder ?? place.folder)}
      />
      <div class={chosen.length > 0 ? 'tools selecting' : 'tools'}>
        <Toolbar
          place={place}
          preferences={preferences}
          onPlace={go}
          onPreferences={library.preferences.set}
          onNewFolder={() => setOpened({ kind: 'folder' })}
        />
        {chosen.length > 0 && (
          <SelectionBar
            chosen={chosen}
            onDownload={() => void download(chosen).catch(onFailure)}
            onShare={(shared) => setOpened({ kind: 'share', shared })}
            onDetails={(file) => setOpened({ kind: 'details', file })}
            onRename={({ key }) => {
              library.selection.set(NOTHING)
              setRenaming(key)
            }}
            onMove={() => setOpened({ kind: 'move', entries: chosen })}
            onDelete={() => remove(chosen)}
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
          thumbnails={work.thumbnails}
          view={preferences.view}
          selection={selection}
          showsFolder={place.words !== '' || place.kind !== null}
          onSelect={select}
          onSelectAll={() => void selectAll()}
          onOpen={open}
          onDownload={(entry) => void download([entry]).catch(onFailure)}
          onNearEnd={more}
          renaming={renaming}
          onRename={({ key }) => setRenaming(key)}
          onRenamed={renamed}
          onDelete={(entry) => remove(withSelection(entry))}
        />
      )}
      {terms.hasBackend && (
        <p class="dim small">
          Renames and deletes here do not reach the list that your TeleStore backend keeps.
        </p>
      )}
      <Dialogs opened={opened} setOpened={setOpened} close={close} work={work} onMove={move} />
    </section>
  )
}

interface DialogsProps {
  opened: Opened
  setOpened: (opened: Opened) => void
  close: () => void
  work: Workspace
  onMove: (entries: readonly Entry[], folder: string) => void
}

function Dialogs({ opened, setOpened, close, work, onMove }: DialogsProps) {
  const { library, links, changes, folders, dropRefusedToken } = work
  const { folder } = library.place.value
  const { entries } = library.listing.state.value
  if (opened.kind === 'none') return null
  if (opened.kind === 'folder') {
    const make = (name: string) => changes.makeFolder(pathOf([...namesOf(folder), name]))
    return <FolderDialog onClose={close} onMake={make} />
  }
  if (opened.kind === 'move') {
    return (
      <MoveDialog
        entries={opened.entries}
        from={folder}
        library={folders}
        onMove={(target) => onMove(opened.entries, target)}
        onClose={close}
      />
    )
  }
  const ending = { onClose: close, onFailure: dropRefusedToken }
  if (opened.kind === 'share') {
    const all = (): void => setOpened({ kind: 'shares' })
    return <ShareDialog {...ending} shared={opened.shared} shares={work.shares} onAll={all} />
  }
  const common = { ...ending, links }
  if (opened.kind === 'shares') return <AllShares work={work} onClose={close} />
  const { file } = opened
  if (opened.kind === 'details') {
    const share = (): void => setOpened({ kind: 'share', shared: { files: [file] } })
    return <DetailsDialog {...common} file={file} onShare={share} />
  }
  const files = entries.flatMap((entry) =>
    entry.kind === 'file' && canBeShown(kindOfItem(entry.file)) ? [entry.file] : [],
  )
  return (
    <ViewerDialog
      {...common}
      file={file}
      files={files}
      onGo={({ messageId }) => {
        const next = files.find((each) => each.messageId === messageId)
        if (next) setOpened({ kind: 'viewer', file: next })
      }}
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
