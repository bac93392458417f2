import type { Phase, Progress } from '../../progress/progress-board.ts'

/** Who says it: the node that carries the upload, at this moment; or the rows, which know less and later. */
export type Teller = 'carrier' | 'rows'

/** What a row says of an upload whose job is in one of these phases is no news. */
const OF_ROWS: ReadonlySet<Phase> = new Set(['receiving', 'queued'])

/**
 * What listeners are to be told after `before`; null: nothing. No percent falls, an end is told once,
 * and what the carrier has told last holds against the rows until one of them has an end.
 */
export function mergeProgress(
  before: Progress | null,
  next: Progress,
  teller: Teller,
): Progress | null {
  if (before === null) return next
  const isEnd = next.status !== 'uploading'
  if (before.status !== 'uploading' && (!isEnd || before.phase === next.phase)) return null
  const progress = Math.max(before.progress, next.progress)
  if (isEnd || teller === 'carrier') return unlessSame(before, { ...next, progress })
  const isKnown =
    OF_ROWS.has(next.phase) && !(before.phase === 'receiving' || before.phase === 'waiting')
  return unlessSame(before, {
    ...next,
    progress,
    ...(isKnown && { phase: before.phase, volume: before.volume }),
  })
}

function unlessSame(before: Progress, after: Progress): Progress | null {
  const isSame =
    before.phase === after.phase &&
    before.progress === after.progress &&
    before.retryAfter === after.retryAfter &&
    before.messageId === after.messageId &&
    before.volume?.number === after.volume?.number &&
    before.sha256 === after.sha256
  return isSame ? null : after
}
