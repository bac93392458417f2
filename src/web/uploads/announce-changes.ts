import { announce } from '../announcer.tsx'
import { countOf } from '../format.ts'
import { totalsOf } from './totals.ts'
import { isFinished, isLeaving, type UploadFile } from './upload-file.ts'
import type { Uploads } from './uploads.ts'
import { sentenceOf, sentenceOnLeftOut } from './wording.ts'

/** With more files than this, single files are not announced. */
const FEW = 4
const MANY_APART_MS = 15_000

/**
 * Announces changes of state, but no percents. Keeps the title of the window and the question before
 * leaving up to date. The returned function ends it.
 */
export function announceChanges({ files, refusals, leftOut }: Uploads): () => void {
  const stop = new AbortController()
  const { signal } = stop
  const { title } = document
  let states = new Map<string, string>()
  let announcedAt = 0

  const unfollow = files.subscribe(() => {
    const before = states
    states = new Map(files.value.map((file) => [file.id, stateOf(file)]))
    const changed = files.value.filter(({ id }) => states.get(id) !== before.get(id))
    const { leaving, atWorker, finished, sentBytes, totalBytes } = totalsOf(files.value)
    document.title = leaving ? `${Math.floor((100 * sentBytes) / totalBytes)} % – ${title}` : title

    const added = changed.filter((file) => !before.has(file.id) && isLeaving(file))
    const sentences = [
      sentenceOnAdded(added),
      sentenceOnFailed(changed.filter(({ error }) => error)),
    ]
    const isLong = leaving + atWorker > FEW
    if (!isLong) sentences.push(...changed.filter((file) => !added.includes(file)).map(sentenceOn))
    const isDue = Date.now() - announcedAt >= MANY_APART_MS || leaving + atWorker === 0
    if (finished > FEW && isDue && changed.some(isFinished)) {
      sentences.push(`${finished} of ${countOf(files.value.length, 'file')} in Telegram`)
    }
    const text = sentences.filter((sentence) => sentence !== null).join('. ')
    if (!text) return
    announcedAt = Date.now()
    announce(text)
  })
  const announceRefused = (): void => {
    const sentences = refusals.value.map(({ name, reason }) => `${name} ${reason}`)
    if (leftOut.value > 0) sentences.push(sentenceOnLeftOut(leftOut.value))
    announce(sentences.join(' '))
  }
  const unfollows = [refusals.subscribe(announceRefused), leftOut.subscribe(announceRefused)]

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
    for (const unfollow of unfollows) unfollow()
    document.title = title
  }
}

/** The state of a file as far as it is announced. */
function stateOf(file: UploadFile): string {
  if (isFinished(file)) return 'finished'
  if (file.error) return `failed ${file.error}`
  const { progress, sealed } = file.meta
  if (progress?.phase === 'waiting') return `waiting on ${progress.waiting?.on}`
  if (sealed) return 'sealed'
  return 'under way'
}

function sentenceOnAdded(added: readonly UploadFile[]): string | null {
  const [first] = added
  if (!first) return null
  return added.length === 1 ? `${first.name}: sending` : `${countOf(added.length, 'file')} added`
}

function sentenceOnFailed(failed: readonly UploadFile[]): string | null {
  const [first] = failed
  if (!first) return null
  const sentence = `${first.name}: ${sentenceOf(first)}`
  return failed.length === 1 ? sentence : `${countOf(failed.length, 'file')} failed. ${sentence}`
}

function sentenceOn(file: UploadFile): string | null {
  if (file.error) return null
  const state = stateOf(file)
  if (state === 'finished') return `${file.name} is in Telegram`
  if (state === 'sealed') return `${file.name} is at the worker`
  if (state !== 'under way') return `${file.name}: ${sentenceOf(file)}`
  return isLeaving(file) ? `${file.name}: sending` : null
}
