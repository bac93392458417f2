import { onAbort } from '../../lib/waiting/abortable.ts'
import { createCondition } from '../../lib/waiting/condition.ts'
import type { Progress, ProgressBoard, ProgressSubject } from './progress-board.ts'

/** What became of one upload; null when it is gone. */
export interface ProgressChange {
  uploadId: string
  progress: Progress | null
}

export interface ProgressFeedOptions {
  signal: AbortSignal
  /** Milliseconds between two updates of one upload; a change of phase is passed on at once. */
  everyMs?: number
  /** Milliseconds that only ever go forward. */
  now?: () => number
}

interface Passed {
  at: number
  phase: string | null
}

/**
 * The changes of a subject, as fast as the consumer takes them and no faster than `everyMs`: of
 * what came meanwhile each upload's newest is kept, so that a slow consumer costs no memory. It
 * listens from the call on until it is returned or the signal aborts, whether it was read or not;
 * it ends by itself never, and rejects with the signal's reason.
 */
export function createProgressFeed(
  board: Pick<ProgressBoard, 'subscribe'>,
  subject: ProgressSubject,
  { signal, everyMs = 250, now = () => performance.now() }: ProgressFeedOptions,
): AsyncGenerator<ProgressChange, never, undefined> {
  const pending = new Map<string, Progress | null>()
  const passed = new Map<string, Passed>()
  const news = createCondition()
  let changes = 0
  const unsubscribe = board.subscribe(subject, (progress, uploadId) => {
    pending.set(uploadId, progress)
    changes++
    news.changed()
  })
  const ignoreAbort = onAbort(signal, unsubscribe)
  const stop = (): void => {
    unsubscribe()
    ignoreAbort()
  }

  /** Milliseconds until a change may be passed on. */
  function dueIn(uploadId: string, progress: Progress | null): number {
    const last = passed.get(uploadId)
    if (!last || last.phase !== (progress?.phase ?? null)) return 0
    return Math.max(0, last.at + everyMs - now())
  }

  function take(): ProgressChange | number | null {
    let soonest: number | null = null
    for (const [uploadId, progress] of pending) {
      const ms = dueIn(uploadId, progress)
      if (ms === 0) {
        pending.delete(uploadId)
        if (progress?.status === 'uploading')
          passed.set(uploadId, { at: now(), phase: progress.phase })
        else passed.delete(uploadId)
        return { uploadId, progress }
      }
      soonest = Math.min(soonest ?? ms, ms)
    }
    return soonest
  }

  const feed = (async function* () {
    try {
      for (;;) {
        signal.throwIfAborted()
        const seen = changes
        const next = take()
        if (typeof next === 'object' && next !== null) yield next
        else await news.until(() => changes !== seen, { signal, timeoutMs: next ?? undefined })
      }
    } finally {
      stop()
    }
  })()
  // The body of a generator does not run before it is read, and so ends nothing until then.
  const end = feed.return.bind(feed)
  feed.return = (value) => {
    stop()
    return end(value)
  }
  return feed
}

/** The same feed without changes that say only what was told at its start. */
export function skipTold(
  feed: ReturnType<typeof createProgressFeed>,
  start: readonly Progress[],
): ReturnType<typeof createProgressFeed> {
  const told = new Map(start.map((progress) => [progress.uploadId, JSON.stringify(progress)]))
  const isNews = ({ uploadId, progress }: ProgressChange): boolean => {
    const before = told.get(uploadId)
    if (before === undefined) return true
    if (before === JSON.stringify(progress)) return false
    return told.delete(uploadId)
  }
  const next = feed.next.bind(feed)
  feed.next = async () => {
    for (;;) {
      const change = await next()
      if (change.done || isNews(change.value)) return change
    }
  }
  return feed
}

/** The same feed, with each change as `pass` gives it on; null: not at all. */
export function passEach(
  feed: ReturnType<typeof createProgressFeed>,
  pass: ((progress: Progress) => Promise<Progress | null>) | undefined,
): ReturnType<typeof createProgressFeed> {
  if (!pass) return feed
  const next = feed.next.bind(feed)
  feed.next = async () => {
    for (;;) {
      const change = await next()
      if (change.done || change.value.progress === null) return change
      const progress = await pass(change.value.progress)
      if (progress !== null) return { done: false, value: { ...change.value, progress } }
    }
  }
  return feed
}
