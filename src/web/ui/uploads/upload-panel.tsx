import { useEffect, useRef, useState } from 'preact/hooks'
import { announce } from '../../announcer.tsx'
import { countOf } from '../../format.ts'
import { useStore } from '../../state/store.ts'
import { filesOfInput } from '../../uploads/picked-files.ts'
import { totalsOf } from '../../uploads/totals.ts'
import { isFinished, isWaiting, needsUser, type UploadFile } from '../../uploads/upload-file.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { wouldLose } from '../../uploads/wording.ts'
import { Button } from '../button.tsx'
import type { Question } from '../dialogs/confirm-dialog.tsx'
import { ConfirmDialog } from '../dialogs/lazy-dialogs.ts'
import { Icon } from '../icon.tsx'
import { questionOnAll, questionOnOne } from '../questions.ts'
import { FoldedRows } from './folded-rows.tsx'
import { Refusals } from './refusals.tsx'
import { Advice, ListActions, totalWords } from './upload-head.tsx'
import { UploadRows } from './upload-rows.tsx'

/** Where the panel covers only a corner of the window. */
const HAS_ROOM = '(min-width: 704.1px)'

/** The uploads of this browser, in a corner of the window; nothing while there are none. */
export function UploadPanel({ uploads }: { uploads: Uploads }) {
  const files = useStore(uploads.files)
  const refusals = useStore(uploads.refusals)
  const leftOut = useStore(uploads.leftOut)
  const [question, setQuestion] = useState<Question | null>(null)
  const [isOpen, setOpen] = useState(() => matchMedia(HAS_ROOM).matches)
  const again = useRef<HTMLInputElement>(null)
  const refused = refusals.length + leftOut
  useEffect(() => {
    if (refused > 0) setOpen(true)
  }, [refused])
  if (files.length + refused === 0) return null
  const totals = totalsOf(files)
  const finished = files.filter(isFinished)
  const waiting = files.filter(isWaiting)
  const active = files.filter((file) => !isFinished(file) && !isWaiting(file))
  const choose = (): void => again.current?.click()
  const focusTitle = (): void => document.getElementById('uploads-title')?.focus()

  function cancel(file: UploadFile): void {
    const remove = (): void => {
      if (!isFinished(file)) {
        announce(file.error ? `${file.name}: off the list` : `${file.name}: cancelled`)
      }
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
    setQuestion(questionOnAll(files.length - finished.length, removeAll))
  }

  const actions = { uploads, onChoose: choose, onRemove: cancel }
  return (
    <section class={isOpen ? 'uploads open' : 'uploads'} aria-labelledby="uploads-title">
      <header class="uploads-head">
        <div>
          <h2 id="uploads-title" tabIndex={-1}>
            Uploads
          </h2>
          <p class={totals.failed > 0 ? 'totals small bad' : 'totals small dim'}>
            {totalWords(totals)}
          </p>
        </div>
        <Button
          icon={isOpen ? 'more' : 'less'}
          words="unseen"
          isExpanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? 'Hide the uploads' : 'Show the uploads'}
        </Button>
      </header>
      {totals.leaving > 0 && (
        <progress
          class="whole"
          max={totals.totalBytes}
          value={totals.sentBytes}
          aria-label="All uploads"
        />
      )}
      {isOpen && (
        <div class="uploads-body">
          <Refusals refusals={refusals} leftOut={leftOut} onDismiss={uploads.dismissRefusals} />
          <Advice totals={totals} />
          <ListActions uploads={uploads} totals={totals} onChoose={choose} onCancel={cancelAll} />
          <UploadRows
            files={[...active.filter(needsUser), ...active.filter((file) => !needsUser(file))]}
            {...actions}
          />
          <FoldedRows
            files={waiting}
            title={<p class="dim">{countOf(waiting.length, 'file')} waiting</p>}
            {...actions}
          />
          <FoldedRows
            files={finished}
            title={
              <p class="good">
                <Icon name="check" />
                {countOf(finished.length, 'file')} in Telegram
              </p>
            }
            {...actions}
          >
            <Button
              icon="check"
              onClick={() => {
                uploads.clearFinished()
                focusTitle()
              }}
            >
              Clear finished
            </Button>
          </FoldedRows>
        </div>
      )}
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
