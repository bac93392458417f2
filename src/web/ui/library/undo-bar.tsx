import { useEffect, useRef } from 'preact/hooks'
import { announce } from '../../announcer.tsx'
import { countOf, isolate } from '../../format.ts'
import type { Entry } from '../../library/listing.ts'
import type { PendingDeletes } from '../../library/pending-deletes.ts'
import { useStore } from '../../state/store.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'

/** Takes a deletion back, for ten seconds, or for as long as the user is at it. */
export function UndoBar({ deletes }: { deletes: PendingDeletes }) {
  const waiting = useStore(deletes.waiting)
  const bar = useRef<HTMLElement>(null)

  useEffect(() => {
    if (waiting.length > 0) announce(`${wordsOn(waiting)} deleted. Undo takes it back`)
  }, [waiting])

  if (waiting.length === 0) return null
  return (
    <section
      ref={bar}
      class="notice"
      aria-label="Deleted"
      onPointerEnter={() => deletes.hold(true)}
      onPointerLeave={() => deletes.hold(false)}
      onFocusIn={() => deletes.hold(true)}
      onFocusOut={() => deletes.hold(false)}
    >
      <Icon name="delete" />
      <p>{wordsOn(waiting)} deleted</p>
      <Button icon="undo" onClick={deletes.undo}>
        Undo
      </Button>
      <Button icon="close" words="unseen" onClick={deletes.flush}>
        Delete now
      </Button>
    </section>
  )
}

function wordsOn(entries: readonly Entry[]): string {
  const [first] = entries
  if (entries.length === 1 && first) return isolate(first.name)
  const files = entries.map((entry) => (entry.kind === 'file' ? 1 : entry.folder.files))
  return countOf(
    files.reduce((sum, each) => sum + each, 0),
    'file',
  )
}
