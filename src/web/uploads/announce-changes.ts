import { announce } from '../announcer.tsx'
import { countOf } from '../format.ts'
import { totalsOf } from './totals.ts'
import { isFinished, isLeaving, type UploadFile } from './upload-file.ts'
import type { Uploads } from './uploads.ts'
import { sentenceOf } from './wording.ts'

/**
 * Says what has changed, never each percent, and keeps the window's title and the browser's
 * question before leaving up to date. Ends with the returned function.
 */
export function announceChanges({ files, refusals }: Uploads): () => void {
  const stop = new AbortController()
  const { signal } = stop
  const { title } = document
  let states = new Map<string, string>()

  const unfollow = files.subscribe(() => {
    const now = new Map(files.value.map((file) => [file.id, stateOf(file)]))
    const changed = files.value.filter(({ id }) => now.get(id) !== states.get(id))
    states = now
    const sentence = sentenceOn(changed)
    if (sentence) announce(sentence)
    const { leaving, sentBytes, totalBytes } = totalsOf(files.value)
    document.title = leaving ? `${Math.floor((100 * sentBytes) / totalBytes)} % – ${title}` : title
  })
  const unrefuse = refusals.subscribe(() => announce(refusals.value.join(' ')))

  addEventListener('offline', () => announce('No network. Nothing is lost'), { signal })
  addEventListener('online', () => announce('The network is back'), { signal })
  addEventListener(
    'beforeunload',
    (event) => {
      if (files.value.some(isLeaving)) event.preventDefault()
    },
    { signal },
  )
  return () => {
    stop.abort()
    unfollow()
    unrefuse()
    document.title = title
  }
}

/** What is worth saying of a file. */
function stateOf(file: UploadFile): string {
  if (isFinished(file)) return 'finished'
  if (file.error) return `failed ${file.error}`
  const { progress, sealed } = file.meta
  if (progress?.phase === 'waiting') return `waiting on ${progress.waiting?.on}`
  if (sealed) return 'sealed'
  return 'under way'
}

function sentenceOn(changed: readonly UploadFile[]): string | null {
  const [first] = changed
  if (!first) return null
  const state = stateOf(first)
  if (changed.length > 1) {
    const finished = changed.filter(isFinished).length
    return finished === changed.length
      ? `${countOf(finished, 'file')} in Telegram`
      : state === 'under way'
        ? `${countOf(changed.length, 'file')} added`
        : null
  }
  if (state === 'finished') return `${first.name} is in Telegram`
  if (state === 'sealed') return `${first.name} is at the worker`
  if (state === 'under way') return `${first.name}: sending`
  return `${first.name}: ${sentenceOf(first)}`
}
