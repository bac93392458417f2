import { useEffect, useState } from 'preact/hooks'
import { useStore } from '../../state/store.ts'
import {
  type Candidate,
  type ConflictAnswer,
  NO_ANSWERS,
  openConflicts,
  postpone,
  withoutOld,
} from '../../uploads/conflicts.ts'
import { folderOf, isConflict, isLeaving, type UploadFile } from '../../uploads/upload-file.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { ConflictDialog } from '../dialogs/lazy-dialogs.ts'

/** Asks what becomes of files whose folder has one of their name, one after another. */
export function Conflicts({ uploads }: { uploads: Uploads }) {
  const files = useStore(uploads.files)
  const [answers, setAnswers] = useState(NO_ANSWERS)
  const candidates = files.map(toCandidate)
  const { ids, isMoreComing } = openConflicts(candidates, answers)
  const { standing } = answers
  const first = files.find(({ id }) => id === ids[0])

  useEffect(() => {
    setAnswers(withoutOld(answers, candidates))
    if (standing) for (const id of ids) uploads.settle(id, standing)
  }, [files, answers])

  if (!first || standing) return null

  function answer(given: ConflictAnswer, forAll: boolean): void {
    if (forAll) setAnswers({ ...answers, standing: given })
    else if (first) uploads.settle(first.id, given)
  }

  return (
    <ConflictDialog
      key={first.id}
      name={first.name}
      folder={folderOf(first)}
      asksForAll={ids.length > 1 || isMoreComing}
      onAnswer={answer}
      onClose={() => setAnswers(postpone(answers, ids))}
    />
  )
}

function toCandidate(file: UploadFile): Candidate {
  return { id: file.id, conflicts: isConflict(file), leaving: isLeaving(file) }
}
