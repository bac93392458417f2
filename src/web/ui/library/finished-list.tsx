import { useState } from 'preact/hooks'
import { countOf } from '../../format.ts'
import type { UploadFile } from '../../uploads/upload-file.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { UploadRow } from '../uploads/upload-row.tsx'

/** More of them are folded up: they are in the list of what is in Telegram as well. */
const FEW = 5

export interface FinishedListProps {
  uploads: Uploads
  files: readonly UploadFile[]
  onEmptied: () => void
}

/** What has been uploaded since the page was opened. */
export function FinishedList({ uploads, files, onEmptied }: FinishedListProps) {
  const [isOpen, setOpen] = useState(false)
  if (files.length === 0) return null
  const isFew = files.length <= FEW
  return (
    <>
      <div class="section-head finished-head">
        <p class="good">
          <Icon name="check" />
          {countOf(files.length, 'file')} in Telegram
        </p>
        <div class="buttons">
          {!isFew && (
            <Button icon={isOpen ? 'less' : 'more'} onClick={() => setOpen(!isOpen)}>
              {isOpen ? 'Hide them' : 'Show them'}
            </Button>
          )}
          <Button
            icon="check"
            onClick={() => {
              uploads.clearFinished()
              onEmptied()
            }}
          >
            Clear finished
          </Button>
        </div>
      </div>
      {(isFew || isOpen) && (
        <ul class="rows">
          {files.map((file) => (
            <UploadRow
              key={file.id}
              file={file}
              uploads={uploads}
              onChoose={() => {}}
              onRemove={() => {
                uploads.remove(file.id)
                onEmptied()
              }}
            />
          ))}
        </ul>
      )}
    </>
  )
}
