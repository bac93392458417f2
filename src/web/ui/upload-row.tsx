import { formatBytes } from '../format.ts'
import { kindOf } from '../library/file-kind.ts'
import { isFinished, isLeftOver, type UploadFile } from '../uploads/upload-file.ts'
import type { Uploads } from '../uploads/uploads.ts'
import { percentInTelegram, percentSent } from '../uploads/wording.ts'
import { Icon } from './icon.tsx'
import { UploadActions } from './upload-actions.tsx'
import { UploadSentence } from './upload-sentence.tsx'

export interface UploadRowProps {
  file: UploadFile
  uploads: Uploads
  onChoose: () => void
}

/** One file on its way. */
export function UploadRow({ file, uploads, onChoose }: UploadRowProps) {
  const { name, size, meta, error } = file
  const finished = isFinished(file)
  const state = finished ? 'finished' : error ? 'failed' : isLeftOver(file) ? 'left-over' : 'busy'
  const folder = meta.relativePath.split('/').slice(0, -1).filter(Boolean).join('/')
  return (
    <li class={`row upload ${state}`}>
      <span class="row-icon">
        <Icon name={finished ? 'check' : error ? 'warning' : kindOf(file)} />
      </span>
      <div class="row-text">
        <h3 class="name">{name}</h3>
        <p class="dim small">
          {formatBytes(size ?? 0)}
          {folder && ` · in ${folder}`}
          {finished && ' · in Telegram'}
        </p>
      </div>
      <UploadActions file={file} uploads={uploads} onChoose={onChoose} />
      {state === 'busy' && <Bars file={file} />}
      {!finished && <UploadSentence file={file} />}
    </li>
  )
}

function Bars({ file }: { file: UploadFile }) {
  const { progress, sealed } = file.meta
  const sent = sealed ? 100 : progress ? percentSent(progress) : 0
  const posted = progress ? percentInTelegram(progress) : 0
  return (
    <div class="bars">
      <Bar words="To the worker" of={file.name} percent={sent} />
      <Bar words="Into Telegram" of={file.name} percent={posted} />
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
