import { useEffect, useRef, useState } from 'preact/hooks'
import type { UploadWait } from 'telestore-client'
import type { UploadFile } from '../../uploads/upload-file.ts'
import { sentenceOf } from '../../uploads/wording.ts'

/** The state of one file as a sentence, with a countdown while the worker or Telegram asks to wait. */
export function UploadSentence({ file }: { file: UploadFile }) {
  const left = useSecondsLeft(file.isPaused ? null : (file.meta.progress?.waiting ?? null))
  return <p class="sentence">{sentenceOf(file, left)}</p>
}

function useSecondsLeft(wait: UploadWait | null): number | null {
  const asked = wait?.seconds ?? null
  const key = `${wait?.on} ${asked}`
  const since = useRef({ key: '', at: 0 })
  const [, redraw] = useState({})
  if (since.current.key !== key) since.current = { key, at: Date.now() }
  useEffect(() => {
    if (asked === null) return
    const timer = setInterval(() => redraw({}), 1000)
    return () => clearInterval(timer)
  }, [asked])
  if (asked === null) return null
  return Math.max(1, asked - Math.floor((Date.now() - since.current.at) / 1000))
}
