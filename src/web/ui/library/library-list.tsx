import { useState } from 'preact/hooks'
import { isolate } from '../../format.ts'
import type { Library, LibraryEntry } from '../../library/library.ts'
import { notify } from '../../notice.tsx'
import { useStore } from '../../state/store.ts'
import type { Workspace } from '../../state/workspace.ts'
import { Button } from '../button.tsx'
import { RevokeDialog, ShareDialog, ViewerDialog } from '../dialogs/lazy-dialogs.ts'
import { Icon } from '../icon.tsx'
import { MoreButton } from '../more-button.tsx'
import { LibraryRow } from './library-row.tsx'

export interface LibraryListProps {
  library: Library
  work: Pick<Workspace, 'client' | 'onFailure' | 'dropRefusedToken'>
}

type Opened =
  | { kind: 'viewer' | 'share'; entry: LibraryEntry }
  | { kind: 'revoke' }
  | { kind: 'none' }

/** From so many files on a search helps. */
const SEARCH_FROM = 8
const PAGE = 50

/** What was uploaded. */
export function LibraryList({ library, work }: LibraryListProps) {
  const { client, onFailure, dropRefusedToken } = work
  const entries = useStore(library.entries)
  const [opened, setOpened] = useState<Opened>({ kind: 'none' })
  const [wanted, setWanted] = useState('')
  const [shown, setShown] = useState(PAGE)
  const found = entries.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()))
  const remove = (entry: LibraryEntry): void => {
    library.remove(entry)
    notify({
      text: `${isolate(entry.name)} is off this list. The file stays in Telegram.`,
      undo: () => {
        library.restore(entry)
        document.getElementById('library-title')?.focus()
      },
    })
  }
  // The browser tells of a dialog's end a little later: the next one may be open by then.
  const close = (): void => setOpened((now) => (now === opened ? { kind: 'none' } : now))
  return (
    <section class="card" aria-labelledby="library-title">
      <div class="section-head">
        <h2 id="library-title" tabIndex={-1}>
          In Telegram
        </h2>
        {entries.length > 0 && (
          <Button icon="link" onClick={() => setOpened({ kind: 'revoke' })}>
            Revoke all links
          </Button>
        )}
      </div>
      {entries.length >= SEARCH_FROM && <Search value={wanted} onChange={setWanted} />}
      {entries.length === 0 && (
        <p class="dim empty">What you upload is listed here, to play, save and share.</p>
      )}
      {entries.length > 0 && found.length === 0 && (
        <p class="dim empty">No file has “{wanted}” in its name.</p>
      )}
      {found.length > 0 && (
        <ul class="rows">
          {found.slice(0, shown).map((entry) => (
            <LibraryRow
              key={entry.uploadId}
              entry={entry}
              client={client}
              onFailure={onFailure}
              onOpen={() => setOpened({ kind: 'viewer', entry })}
              onShare={() => setOpened({ kind: 'share', entry })}
              onRemove={() => remove(entry)}
            />
          ))}
        </ul>
      )}
      <MoreButton left={found.length - shown} onClick={() => setShown(shown + PAGE)} />
      {opened.kind === 'viewer' && (
        <ViewerDialog
          entry={opened.entry}
          client={client}
          onClose={close}
          onFailure={dropRefusedToken}
        />
      )}
      {opened.kind === 'share' && (
        <ShareDialog
          entry={opened.entry}
          client={client}
          onClose={close}
          onFailure={dropRefusedToken}
        />
      )}
      {opened.kind === 'revoke' && (
        <RevokeDialog client={client} onClose={close} onFailure={dropRefusedToken} />
      )}
    </section>
  )
}

function Search({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        class="field"
        type="search"
        placeholder="Search by name"
        aria-label="Search by name"
        value={value}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </div>
  )
}
