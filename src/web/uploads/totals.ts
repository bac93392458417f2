import { isAtWorker, isFinished, isInterrupted, isLeaving, type UploadFile } from './upload-file.ts'

/** The sums over all uploads of the list. */
export interface Totals {
  files: number
  finished: number
  /** Files with bytes that still have to leave this browser. */
  leaving: number
  paused: number
  /** Files that a reload has interrupted, so that they must be chosen again. */
  interrupted: number
  failed: number
  /** Files whose bytes are all at the worker. */
  atWorker: number
  sentBytes: number
  totalBytes: number
  /** Bytes per second to the worker; null while that is not known. */
  speed: number | null
  secondsLeft: number | null
}

export function totalsOf(files: readonly UploadFile[]): Totals {
  const leaving = files.filter(isLeaving)
  const counted = files.filter((file) => isLeaving(file) || isAtWorker(file) || isFinished(file))
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
  const totalBytes = sum(counted.map(({ size }) => size ?? 0))
  const sentBytes = sum(
    counted.map((file) =>
      isLeaving(file) ? (file.meta.progress?.sentBytes ?? 0) : (file.size ?? 0),
    ),
  )
  const speed = sum(leaving.map(({ meta }) => meta.progress?.speed ?? 0)) || null
  return {
    files: files.length,
    finished: files.filter(isFinished).length,
    leaving: leaving.length,
    paused: leaving.filter(({ isPaused }) => isPaused).length,
    interrupted: files.filter((file) => isInterrupted(file) && !file.error).length,
    failed: files.filter(({ error }) => error).length,
    atWorker: files.filter(isAtWorker).length,
    sentBytes,
    totalBytes,
    speed,
    secondsLeft: speed && (totalBytes - sentBytes) / speed,
  }
}
