import { countOf, isolate } from '../format.ts'
import type { UploadFile } from '../uploads/upload-file.ts'
import type { Question } from './dialogs/confirm-dialog.tsx'

/** Asked before an upload is cancelled that the worker has bytes of. */
export function questionOnOne({ name }: UploadFile, onYes: () => void): Question {
  return {
    title: 'Cancel this upload?',
    words: `What the worker has of ${isolate(name)} is thrown away.`,
    yes: 'Cancel the upload',
    no: 'Keep it',
    icon: 'close',
    onYes,
  }
}

/** Asked before all uploads are cancelled that are not in Telegram. */
export function questionOnAll(count: number, onYes: () => void): Question {
  return {
    title: 'Cancel all uploads?',
    words: `${countOf(count, 'upload')} stop, and what the worker has of them is thrown away. What is in Telegram stays there.`,
    yes: 'Cancel all of them',
    no: 'Keep them',
    icon: 'close',
    onYes,
  }
}

/** Asked before the user signs out while files are on their way to the worker. */
export function questionOnLeaving(
  { here, elsewhere }: { here: number; elsewhere: number },
  onYes: () => void,
): Question {
  const others = elsewhere > 0 ? `, ${elsewhere} of them in other tabs` : ''
  return {
    title: 'Sign out?',
    words: `${countOf(here + elsewhere, 'upload')} stop${others}. After signing in again, choose the files once more: only what is missing is sent.`,
    yes: 'Sign out',
    no: 'Stay',
    icon: 'sign-out',
    onYes,
  }
}
