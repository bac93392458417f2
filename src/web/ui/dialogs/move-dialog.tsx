import { useEffect, useState } from 'preact/hooks'
import type { Client, LibraryFolder } from 'telestore-client'
import { canMove } from '../../library/changes.ts'
import type { Entry } from '../../library/listing.ts'
import { namesOf, parentOf } from '../../library/place.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { Dialog } from './dialog.tsx'

export interface MoveDialogProps {
  entries: readonly Entry[]
  /** The folder that is open at first. */
  from: string
  library: Pick<Client['library'], 'list'>
  onMove: (folder: string) => void
  onClose: () => void
}

/** Lets the user walk to the folder into which the entries are moved. */
export function MoveDialog({ entries, from, library, onMove, onClose }: MoveDialogProps) {
  const [folder, setFolder] = useState(from)
  const [inside, setInside] = useState<readonly LibraryFolder[] | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const name = namesOf(folder).at(-1) ?? 'In Telegram'

  useEffect(() => {
    const stop = new AbortController()
    setInside(null)
    setFault(null)
    library.list({ folder, limit: 500 }, { signal: stop.signal }).then(
      ({ folders }) => setInside(folders),
      (error: unknown) => {
        if (!stop.signal.aborted) setFault(error instanceof Error ? error.message : String(error))
      },
    )
    return () => stop.abort()
  }, [folder, library])

  return (
    <Dialog title="Move to" onClose={onClose}>
      {(close) => (
        <>
          <p class="sentence" role="status">
            <bdi>{name}</bdi>
          </p>
          <ul class="folders">
            {folder !== '/' && (
              <li>
                <Button icon="previous" onClick={() => setFolder(parentOf(folder))}>
                  One folder up
                </Button>
              </li>
            )}
            {inside?.map(({ path, name: each }) => (
              <li key={path}>
                <Button icon="folder" onClick={() => setFolder(path)}>
                  {each}
                </Button>
              </li>
            ))}
          </ul>
          {inside?.length === 0 && <p class="dim small">There is no folder in this one.</p>}
          {inside === null && fault === null && <p class="dim small">Loading…</p>}
          {fault !== null && (
            <p class="fault" role="alert">
              <Icon name="warning" />
              {fault}
            </p>
          )}
          <div class="buttons">
            <Button
              icon="check"
              look="main"
              disabled={!canMove(entries, folder)}
              onClick={() => {
                onMove(folder)
                close()
              }}
            >
              Move here
            </Button>
          </div>
        </>
      )}
    </Dialog>
  )
}
