import { AppError } from '../../errors.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import { chunkAt, layoutOf } from '../model/chunk-layout.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import type { OutgoingFile } from '../ports/telegram.ts'

/** The growing file behind a transfer: told of chunks as they are acknowledged. */
export interface ArrivingFile extends OutgoingFile {
  /** Counts up with everything that changes what `has` or `sealed` say. */
  readonly version: number
  add: (index: number, chunkSize: number | null) => void
  seal: () => void
  /** Resolves once `version` differs from the one given; rejects with the signal's reason. */
  changedSince: (version: number, signal: AbortSignal) => Promise<void>
}

/** One view over the chunk files of an upload. Holds no bytes. */
export function createArrivingFile(
  upload: Upload,
  present: readonly ChunkRecord[],
  spool: Pick<Spool, 'read'>,
): ArrivingFile {
  const chunks = new Set(present.map((chunk) => chunk.index))
  const waiters = new Set<() => void>()
  let layout = layoutOf(upload, present)
  let sealed = upload.state === 'sealed'
  let version = 0

  function changed(): void {
    version++
    for (const wake of waiters) wake()
    waiters.clear()
  }

  return {
    uploadId: upload.id,
    name: upload.fileName,
    mimeType: upload.mimeType,
    size: upload.size,
    get sealed() {
      return sealed
    },
    get version() {
      return version
    },
    has: (offset, length) => {
      if (layout === null) return false
      const last = chunkAt(layout, offset + length - 1).index
      for (let { index } = chunkAt(layout, offset); index <= last; index++) {
        if (!chunks.has(index)) return false
      }
      return true
    },
    read: async (offset, target) => {
      if (layout === null) throw new AppError('SPOOL_DAMAGED', 'No chunk is there yet')
      await spool.read(upload.id, layout, offset, target)
    },
    add: (index, chunkSize) => {
      if (chunkSize !== null) layout ??= { size: upload.size, chunkSize }
      chunks.add(index)
      changed()
    },
    seal: () => {
      sealed = true
      changed()
    },
    changedSince: (known, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        if (version !== known) return resolve()
        const onAbort = (): void => {
          waiters.delete(wake)
          reject(signal.reason)
        }
        const wake = (): void => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
        waiters.add(wake)
        signal.addEventListener('abort', onAbort, { once: true })
      }),
  }
}

/** Sleeps for `ms`, or until the file is whole; rejects with the signal's reason. */
export async function sleepUntilSealed(
  file: ArrivingFile,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  try {
    await Promise.race([sleep(ms, either), whenSealed(file, either)])
  } finally {
    over.abort()
  }
}

export async function whenSealed(file: ArrivingFile, signal: AbortSignal): Promise<void> {
  while (!file.sealed) await file.changedSince(file.version, signal)
}
