import { formatBytes } from '../../format.ts'
import { kindOf } from '../../library/file-kind.ts'
import { folderOf, isFinished, isInterrupted, type UploadFile } from '../../uploads/upload-file.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { percentOf, sentenceOf } from '../../uploads/wording.ts'
import { FileName } from '../file-name.tsx'
import { Icon, type IconName } from '../icon.tsx'
import { UploadActions } from './upload-actions.tsx'
import { UploadSentence } from './upload-sentence.tsx'

/** What the buttons of a row do. */
export interface RowActions {
  uploads: Uploads
  /** Opens the browser's window for files that a reload has interrupted. */
  onChoose: () => void
  onRemove: (file: UploadFile) => void
}

export interface UploadRowProps extends RowActions {
  file: UploadFile
}

/** One file on its way. */
export function UploadRow({ file, uploads, onChoose, onRemove }: UploadRowProps) {
  const { name, size, meta } = file
  const state = stateOf(file)
  const isAlone = state === 'finished' || state === 'queued'
  const folder = folderOf(file).slice(1)
  return (
    <li class={`row upload ${state}`}>
      <span class="row-icon">
        <Icon name={ICONS[state] ?? kindOf(file)} />
      </span>
      <div class="row-text">
        <FileName name={name} />
        {state === 'busy' ? (
          <UploadSentence file={file} />
        ) : (
          <p class="dim small">
            {formatBytes(size ?? 0)}
            {folder && (
              <>
                {' · in '}
                <bdi>{folder}</bdi>
              </>
            )}
            {isAlone && ` · ${sentenceOf(file)}`}
          </p>
        )}
      </div>
      <UploadActions
        file={file}
        uploads={uploads}
        onChoose={onChoose}
        onRemove={() => onRemove(file)}
      />
      {state === 'busy' && <Bars file={file} />}
      {state === 'interrupted' && meta.storedBytes > 0 && <StoredBar file={file} />}
      {(state === 'failed' || state === 'interrupted') && <UploadSentence file={file} />}
    </li>
  )
}

type RowState = 'finished' | 'failed' | 'interrupted' | 'queued' | 'busy'

const ICONS: Readonly<Partial<Record<RowState, IconName>>> = {
  finished: 'check',
  failed: 'warning',
}

function stateOf(file: UploadFile): RowState {
  if (isFinished(file)) return 'finished'
  if (file.error) return 'failed'
  if (isInterrupted(file)) return 'interrupted'
  // Empty bars say nothing, and there may be hundreds.
  return file.meta.progress || file.meta.sealed ? 'busy' : 'queued'
}

function Bars({ file }: { file: UploadFile }) {
  const { progress, sealed } = file.meta
  const sent = sealed ? 100 : progress ? percentOf(progress.sentBytes, progress.totalBytes) : 0
  const posted = Math.floor(progress?.telegramPercent ?? 0)
  return (
    <div class="bars">
      <Bar words="To the worker" of={file.name} percent={sent} />
      <Bar words="Into Telegram" of={file.name} percent={posted} />
    </div>
  )
}

/** What the worker has of a file that must be chosen again. */
function StoredBar({ file }: { file: UploadFile }) {
  const percent = percentOf(file.meta.storedBytes, file.size ?? 0)
  return (
    <div class="bars">
      <Bar words="To the worker" of={file.name} percent={percent} />
    </div>
  )
}

function Bar({ words, of, percent }: { words: string; of: string; percent: number }) {
  return (
    <div class={percent === 100 ? 'bar full' : 'bar'}>
      <span aria-hidden="true">{words}</span>
      <span aria-hidden="true" class="percent">
        {percent} %
      </span>
      <progress max={100} value={percent} aria-label={`${words}: ${of}`} />
    </div>
  )
}
