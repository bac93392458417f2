import { countOf, formatBytes, formatSeconds, formatSpeed } from '../../format.ts'
import type { Totals } from '../../uploads/totals.ts'
import type { Uploads } from '../../uploads/uploads.ts'
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

/** How far all uploads are together. */
export function TotalWords({ totals }: { totals: Totals }) {
  const { files, finished, leaving, interrupted, atWorker, sentBytes, totalBytes } = totals
  const { paused, speed, secondsLeft } = totals
  const parts = [`${finished} of ${countOf(files, 'file')} in Telegram`]
  if (leaving > 0) {
    parts.push(`${formatBytes(sentBytes)} of ${formatBytes(totalBytes)} at the worker`)
    if (speed && paused < leaving) parts.push(formatSpeed(speed))
    if (secondsLeft && paused < leaving) parts.push(`${formatSeconds(secondsLeft)} left`)
  }
  return (
    <div class="totals">
      <p class="dim">{parts.join(' · ')}</p>
      {interrupted > 1 && (
        <p class="dim">
          A reload has stopped {interrupted} files. Choose or drop them again, all at once if you
          like.
        </p>
      )}
      {leaving > 0 && <p class="dim">Keep this page open until everything is at the worker.</p>}
      {leaving + interrupted === 0 && atWorker > 0 && (
        <p class="good">
          <Icon name="check" />
          Everything is at the worker. You can close this page.
        </p>
      )}
    </div>
  )
}
