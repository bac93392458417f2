import { useRef } from 'preact/hooks'
import { countOf, formatBytes, formatSeconds, formatSpeed } from '../format.ts'
import { useStore } from '../store.ts'
import { filesOfInput } from '../uploads/picked-files.ts'
import { type Totals, totalsOf } from '../uploads/totals.ts'
import { isFinished, type UploadFile } from '../uploads/upload-file.ts'
import type { Uploads } from '../uploads/uploads.ts'
import { Button } from './button.tsx'
import { Icon } from './icon.tsx'
import { UploadRow } from './upload-row.tsx'

/** The uploads of this browser; nothing while there are none. */
export function UploadList({ uploads }: { uploads: Uploads }) {
  const files = useStore(uploads.files)
  const refusals = useStore(uploads.refusals)
  const again = useRef<HTMLInputElement>(null)
  if (files.length === 0 && refusals.length === 0) return null
  const totals = totalsOf(files)
  return (
    <section class="card" aria-labelledby="uploads-title">
      <div class="section-head">
        <h2 id="uploads-title" tabIndex={-1}>
          Uploads
        </h2>
        <ListActions uploads={uploads} totals={totals} />
      </div>
      {files.length > 0 && <TotalWords totals={totals} />}
      <Refusals sentences={refusals} onDismiss={uploads.dismissRefusals} />
      <ul class="rows">
        {finishedLast(files).map((file) => (
          <UploadRow
            key={file.id}
            file={file}
            uploads={uploads}
            onChoose={() => again.current?.click()}
          />
        ))}
      </ul>
      <input
        ref={again}
        id="again"
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          if (currentTarget.files) void uploads.add(filesOfInput(currentTarget.files))
          currentTarget.value = ''
        }}
      />
    </section>
  )
}

function finishedLast(files: readonly UploadFile[]): UploadFile[] {
  return [...files].sort((a, b) => Number(isFinished(a)) - Number(isFinished(b)))
}

function ListActions({ uploads, totals }: { uploads: Uploads; totals: Totals }) {
  const { leaving, paused, finished } = totals
  const allPaused = leaving > 0 && paused === leaving
  return (
    <div class="buttons">
      {leaving > 0 && (
        <Button icon={allPaused ? 'play' : 'pause'} onClick={() => uploads.pauseAll(!allPaused)}>
          {allPaused ? 'Resume all' : 'Pause all'}
        </Button>
      )}
      {finished > 0 && (
        <Button
          icon="check"
          onClick={() => {
            uploads.clearFinished()
            document.getElementById('uploads-title')?.focus()
          }}
        >
          Clear finished
        </Button>
      )}
    </div>
  )
}

function TotalWords({ totals }: { totals: Totals }) {
  const { files, finished, leaving, beyond, sentBytes, totalBytes, speed, secondsLeft } = totals
  const parts = [`${finished} of ${countOf(files, 'file')} in Telegram`]
  if (leaving > 0) {
    parts.push(`${formatBytes(sentBytes)} of ${formatBytes(totalBytes)} at the worker`)
    if (speed) parts.push(formatSpeed(speed))
    if (secondsLeft) parts.push(`${formatSeconds(secondsLeft)} left`)
  }
  return (
    <div class="totals">
      <p class="dim">{parts.join(' · ')}</p>
      {leaving > 0 && <p class="dim">Keep this page open until everything is at the worker.</p>}
      {leaving === 0 && beyond > 0 && (
        <p class="good">
          <Icon name="check" />
          Everything is at the worker. You can close this page.
        </p>
      )}
    </div>
  )
}

interface RefusalsProps {
  sentences: readonly string[]
  onDismiss: () => void
}

function Refusals({ sentences, onDismiss }: RefusalsProps) {
  if (sentences.length === 0) return null
  return (
    <div class="refusals">
      <ul>
        {sentences.map((sentence) => (
          <li key={sentence} class="fault">
            <Icon name="warning" />
            {sentence}
          </li>
        ))}
      </ul>
      <Button icon="close" words="unseen" onClick={onDismiss}>
        Dismiss
      </Button>
    </div>
  )
}
