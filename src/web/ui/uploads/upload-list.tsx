import { useRef, useState } from 'preact/hooks'
import { announce } from '../../announcer.tsx'
import { useStore } from '../../state/store.ts'
import { filesOfInput } from '../../uploads/picked-files.ts'
import { totalsOf } from '../../uploads/totals.ts'
import { isFinished, type UploadFile } from '../../uploads/upload-file.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { wouldLose } from '../../uploads/wording.ts'
import { ConfirmDialog, type Question } from '../dialogs/confirm-dialog.tsx'
import { FinishedList } from '../library/finished-list.tsx'
import { MoreButton } from '../more-button.tsx'
import { questionOnAll, questionOnOne } from '../questions.ts'
import { Refusals } from '../refusals.tsx'
import { ListActions, TotalWords } from './upload-head.tsx'
import { UploadRow } from './upload-row.tsx'

/** Rows drawn at first: with a thousand the browser would do nothing else. */
const PAGE = 50

/** The uploads of this browser; nothing while there are none. */
export function UploadList({ uploads }: { uploads: Uploads }) {
  const files = useStore(uploads.files)
  const refusals = useStore(uploads.refusals)
  const leftOut = useStore(uploads.leftOut)
  const [question, setQuestion] = useState<Question | null>(null)
  const [shown, setShown] = useState(PAGE)
  const again = useRef<HTMLInputElement>(null)
  if (files.length + refusals.length + leftOut === 0) return null
  const totals = totalsOf(files)
  const unfinished = files.filter((file) => !isFinished(file))
  const choose = (): void => again.current?.click()
  const focusTitle = (): void => document.getElementById('uploads-title')?.focus()

  function cancel(file: UploadFile): void {
    const remove = (): void => {
      announce(file.error ? `${file.name}: off the list` : `${file.name}: cancelled`)
      uploads.remove(file.id)
      focusTitle()
    }
    if (wouldLose(file)) setQuestion(questionOnOne(file, remove))
    else remove()
  }

  function cancelAll(): void {
    const removeAll = (): void => {
      announce('All uploads cancelled')
      uploads.cancelAll()
      focusTitle()
    }
    setQuestion(questionOnAll(unfinished.length, removeAll))
  }

  return (
    <section class="card" aria-labelledby="uploads-title">
      <div class="section-head">
        <h2 id="uploads-title" tabIndex={-1}>
          Uploads
        </h2>
        <ListActions uploads={uploads} totals={totals} onChoose={choose} onCancel={cancelAll} />
      </div>
      {unfinished.length > 0 && <TotalWords totals={totals} />}
      <Refusals refusals={refusals} leftOut={leftOut} onDismiss={uploads.dismissRefusals} />
      {unfinished.length > 0 && (
        <ul class="rows">
          {unfinished.slice(0, shown).map((file) => (
            <UploadRow
              key={file.id}
              file={file}
              uploads={uploads}
              onChoose={choose}
              onRemove={() => cancel(file)}
            />
          ))}
        </ul>
      )}
      <MoreButton left={unfinished.length - shown} onClick={() => setShown(shown + PAGE)} />
      <FinishedList uploads={uploads} files={files.filter(isFinished)} onEmptied={focusTitle} />
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
      {question && <ConfirmDialog question={question} onClose={() => setQuestion(null)} />}
    </section>
  )
}
