import { isBeyond, isFinished, isLeaving, isLeftOver, type UploadFile } from './upload-file.ts'

/** All uploads of the list as one. */
export interface Totals {
  files: number
  finished: number
  /** Bytes still have to leave this browser. */
  leaving: number
  paused: number
  /** A reload has taken their bytes from the page. */
  leftOver: number
  /** All their bytes are with the worker. */
  beyond: number
  sentBytes: number
  totalBytes: number
  /** Bytes each second to the worker; null while that is not known. */
  speed: number | null
  secondsLeft: number | null
}

export function totalsOf(files: readonly UploadFile[]): Totals {
  const leaving = files.filter(isLeaving)
  const counted = files.filter((file) => isLeaving(file) || isBeyond(file) || isFinished(file))
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
    leftOver: files.filter((file) => isLeftOver(file) && !file.error).length,
    beyond: files.filter(isBeyond).length,
    sentBytes,
    totalBytes,
    speed,
    secondsLeft: speed && (totalBytes - sentBytes) / speed,
  }
}
