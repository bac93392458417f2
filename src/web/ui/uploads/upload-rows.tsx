import { useState } from 'preact/hooks'
import type { UploadFile } from '../../uploads/upload-file.ts'
import { MoreButton } from '../more-button.tsx'
import { type RowActions, UploadRow } from './upload-row.tsx'

/** Rows drawn at first: with a thousand the browser would do nothing else. */
const PAGE = 50

export interface UploadRowsProps extends RowActions {
  files: readonly UploadFile[]
}

export function UploadRows({ files, ...actions }: UploadRowsProps) {
  const [shown, setShown] = useState(PAGE)
  if (files.length === 0) return null
  return (
    <>
      <ul class="rows">
        {files.slice(0, shown).map((file) => (
          <UploadRow key={file.id} file={file} {...actions} />
        ))}
      </ul>
      <MoreButton left={files.length - shown} onClick={() => setShown(shown + PAGE)} />
    </>
  )
}
