import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { UploadFile } from '../../uploads/upload-file.ts'
import { Button } from '../button.tsx'
import type { RowActions } from './upload-row.tsx'
import { UploadRows } from './upload-rows.tsx'

/** More files than this are folded up. */
const FEW = 5

export interface FoldedRowsProps extends RowActions {
  files: readonly UploadFile[]
  /** What the files have in common. */
  title: ComponentChildren
  /** What can be done with all of them. */
  children?: ComponentChildren
}

/** Files that need no attention: below a heading, and folded up where they are many. */
export function FoldedRows({ files, title, children, ...actions }: FoldedRowsProps) {
  const [isOpen, setOpen] = useState(false)
  if (files.length === 0) return null
  const isFew = files.length <= FEW
  return (
    <div class="folded">
      <div class="section-head">
        {title}
        <div class="buttons">
          {!isFew && (
            <Button icon={isOpen ? 'less' : 'more'} onClick={() => setOpen(!isOpen)}>
              {isOpen ? 'Hide them' : 'Show them'}
            </Button>
          )}
          {children}
        </div>
      </div>
      {(isFew || isOpen) && <UploadRows files={files} {...actions} />}
    </div>
  )
}
