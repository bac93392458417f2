import { countOf, formatSeconds, formatSpeed } from '../../format.ts'
import type { Totals } from '../../uploads/totals.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { percentOf } from '../../uploads/wording.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'

export interface ListActionsProps {
  uploads: Uploads
  totals: Totals
  /** Opens the browser's window for files that a reload has left over. */
  onChoose: () => void
  onCancel: () => void
}

/** What can be done with all uploads at once; one alone has its own buttons. */
export function ListActions({ uploads, totals, onChoose, onCancel }: ListActionsProps) {
  const { files, leaving, paused, finished, interrupted } = totals
  const allPaused = leaving > 0 && paused === leaving
  if (interrupted <= 1 && leaving === 0 && files - finished <= 1) return null
  return (
    <div class="buttons">
      {interrupted > 1 && (
        <Button icon="folder" onClick={onChoose}>
          Choose them again
        </Button>
      )}
      {leaving > 0 && (
        <Button icon={allPaused ? 'play' : 'pause'} onClick={() => uploads.pauseAll(!allPaused)}>
          {allPaused ? 'Resume all' : 'Pause all'}
        </Button>
      )}
      {files - finished > 1 && (
        <Button icon="close" onClick={onCancel}>
          Cancel all
        </Button>
      )}
    </div>
  )
}

/** How far all uploads are together, in one line. */
export function totalWords(totals: Totals): string {
  const { files, finished, leaving, paused, failed, sentBytes, totalBytes } = totals
  const { speed, secondsLeft } = totals
  const parts = [`${finished} of ${countOf(files, 'file')} in Telegram`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (leaving > 0) {
    parts.push(`${percentOf(sentBytes, totalBytes)} % at the worker`)
    if (speed && paused < leaving) parts.push(formatSpeed(speed))
    if (secondsLeft && paused < leaving) parts.push(`${formatSeconds(secondsLeft)} left`)
  }
  return parts.join(' · ')
}

/** What the user has to do, or need not do any more. */
export function Advice({ totals }: { totals: Totals }) {
  const { leaving, interrupted, atWorker } = totals
  return (
    <>
      {interrupted > 1 && (
        <p class="dim small">
          A reload has stopped {interrupted} files. Choose or drop them again, all at once if you
          like.
        </p>
      )}
      {leaving > 0 && (
        <p class="dim small">Keep this page open until everything is at the worker.</p>
      )}
      {leaving + interrupted === 0 && atWorker > 0 && (
        <p class="good small">
          <Icon name="check" />
          Everything is at the worker. You can close this page.
        </p>
      )}
    </>
  )
}
