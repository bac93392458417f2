import { AppError } from '../../errors.ts'
import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import { onAbort } from '../../lib/waiting/abortable.ts'
import { uploadCancelled } from '../model/cancellation.ts'
import { chunkSizeAt } from '../model/chunk-layout.ts'
import { type ByteSource, contiguous, STREAM_CHUNK_BYTES } from '../model/stream.ts'
import { reachOf } from '../model/volumes/window.ts'
import type { Upload } from '../ports/records.ts'
import type { ReceivedChunk, Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import { type ByteCutter, createByteCutter } from './byte-cutter.ts'
import { uploadNotFound } from './intake-refusals.ts'
import type { UploadIntake, UploadIntakeOptions } from './upload-intake.ts'

/** How often a sender that is slower than a chunk per `SESSION_TTL` is noted to be alive. */
const TOUCH_EVERY_MS = 5_000

export interface StreamFillerOptions
  extends Pick<UploadIntakeOptions, 'ledger' | 'windows' | 'workGate' | 'now'> {
  spool: Pick<Spool, 'receive' | 'append' | 'partialBytes'>
  intake: Pick<UploadIntake, 'acceptChunk'>
  progress: Pick<ProgressBoard, 'subscribe'>
  locks: KeyedLock
}

/** A source, and where in the file its first byte belongs. */
export interface PlacedSource extends ByteSource {
  readonly from: number
}

/**
 * Cuts a stream into the chunks of its upload. One call at a time per upload. Of a file that goes as
 * volumes no chunk is begun that is beyond reach: its source is not read until Telegram has more.
 */
export interface StreamFiller {
  fill: (upload: Upload, source: PlacedSource, confirm: (() => void) | null) => Promise<void>
  /** Makes a chunk of the last bytes, where a crash or a full disk has kept them from it. */
  close: (upload: Upload) => Promise<void>
}

export function createStreamFiller(options: StreamFillerOptions): StreamFiller {
  const { ledger, spool, windows, intake, progress, locks, workGate, now } = options
  const { signal } = new AbortController()

  /** Puts bytes behind those that are there, chunk by chunk. */
  async function pour(
    upload: Upload,
    cutter: ByteCutter,
    { mayFree, ending }: { mayFree: boolean; ending: AbortSignal },
  ): Promise<void> {
    const { id, size } = upload
    let index = contiguous(await ledger.chunks(id)).count
    while (await cutter.more()) {
      const name = { upload, index }
      const targetBytes = chunkSizeAt({ size, chunkSize: STREAM_CHUNK_BYTES }, index)
      const end = index * STREAM_CHUNK_BYTES + targetBytes
      if (!(await comesWithinReach(upload, end, ending))) return
      const missing = targetBytes - (await spool.partialBytes(name))
      const limits = { targetBytes, signal, mayFree }
      const { whole } = await spool.append(name, cutter.take(missing), limits)
      if (whole === null) return
      await acknowledge(id, index, whole)
      index++
    }
  }

  /** Waits for it. False when the bytes end before, or the upload. */
  async function comesWithinReach(
    { id, size, volumeBytes }: Upload,
    end: number,
    ending: AbortSignal,
  ): Promise<boolean> {
    if (volumeBytes === null) return true
    const window = await windows.of(id)
    const cut = { size, volumeBytes, chunkBytes: STREAM_CHUNK_BYTES }
    const isWithin = (): boolean => end <= reachOf({ ...cut, posted: window.posted })
    try {
      await window.until(() => window.isOver || isWithin(), { signal: ending })
    } catch (error) {
      if (!ending.aborted) throw error
    }
    return isWithin()
  }

  function acknowledge(uploadId: string, index: number, whole: ReceivedChunk): Promise<void> {
    return locks.run(uploadId, async () => {
      const upload = await ledger.findUpload(uploadId)
      if (!upload || upload.state === 'cancelled') {
        await whole.discard()
        throw upload ? uploadCancelled() : uploadNotFound()
      }
      await intake.acceptChunk(uploadId, index, whole)
      // After a loss in the middle, chunks behind it are sent once more and are there already.
      await whole.discard()
    })
  }

  /** First everything to the side, then, once it is confirmed, from there. */
  async function pourConfirmed(
    upload: Upload,
    cutter: ByteCutter,
    how: { from: number; confirm: () => void; mayFree: boolean; ending: AbortSignal },
  ): Promise<void> {
    const { from, confirm, mayFree, ending } = how
    const limits = { maxBytes: STREAM_CHUNK_BYTES, signal, mayFree }
    const most = furthestReach(upload, from)
    const portions: ReceivedChunk[] = []
    try {
      for (let at = from; await cutter.more(); ) {
        if (at === most) throw tooMuchToConfirm(most - from)
        const end = Math.min(most, at + STREAM_CHUNK_BYTES)
        // A checksum of less than it was made of would not be right.
        if (!(await comesWithinReach(upload, end, ending))) return
        const portion = await spool.receive(cutter.take(end - at), limits)
        portions.push(portion)
        at += portion.size
      }
      confirm()
      const bytes = reread(portions)
      const size = portions.reduce((sum, portion) => sum + portion.size, 0)
      const source = createByteCutter(bytes, size)
      await pour(upload, source, { mayFree: false, ending }).finally(() => bytes.return())
    } finally {
      await Promise.all(portions.map((portion) => portion.discard()))
    }
  }

  async function* noted(uploadId: string, bytes: AsyncIterable<Uint8Array>, onBytes: () => void) {
    let touchedAt = now()
    for await (const piece of bytes) {
      if (piece.byteLength > 0) onBytes()
      if (now() - touchedAt > TOUCH_EVERY_MS) {
        touchedAt = now()
        await ledger.touchUpload(uploadId, touchedAt)
      }
      yield piece
    }
  }

  return {
    fill: async (upload, source, confirm) => {
      const { bytes, mayFree = false, requestUnlock, ending, from } = source
      let keeps = confirm === null
      let brings = false
      const onBytes = (): void => {
        brings = true
      }
      const cutter = createByteCutter(noted(upload.id, bytes, onBytes), upload.size - from)
      const forget = progress.subscribe({ uploadId: upload.id }, (state) => {
        if (state === null || state.status === 'failed') requestUnlock()
      })
      const ignoreEnding = onAbort(workGate.ending, requestUnlock)
      try {
        if (confirm === null) await pour(upload, cutter, { mayFree, ending })
        else {
          const keep = (): void => {
            confirm()
            keeps = true
          }
          await pourConfirmed(upload, cutter, { from, confirm: keep, mayFree, ending })
        }
      } finally {
        forget()
        ignoreEnding()
        // A request that brings nothing must not keep an upload alive.
        if (keeps && brings) await ledger.touchUpload(upload.id, now())
      }
    },
    close: async (upload) => {
      const { id, size, totalChunks } = upload
      const index = contiguous(await ledger.chunks(id)).count
      if (index === totalChunks) return
      const targetBytes = chunkSizeAt({ size, chunkSize: STREAM_CHUNK_BYTES }, index)
      const { whole } = await spool.append({ upload, index }, nothing(), {
        targetBytes,
        signal,
      })
      if (whole) await acknowledge(id, index, whole)
    },
  }
}

/** Up to where bytes may be put to the side that no chunk has yet: Telegram does not get any of them. */
function furthestReach({ size, volumeBytes }: Upload, from: number): number {
  if (volumeBytes === null) return size
  const chunkBytes = STREAM_CHUNK_BYTES
  const acknowledged = Math.floor(from / chunkBytes) * chunkBytes
  const posted = Math.floor(acknowledged / volumeBytes) * volumeBytes
  return reachOf({ size, volumeBytes, chunkBytes, posted })
}

function tooMuchToConfirm(maxBytes: number): AppError {
  const sentence = `Upload-Checksum: the worker can put ${maxBytes} bytes aside; send fewer at a time`
  return new AppError('PAYLOAD_TOO_LARGE', sentence, { details: { maxBytes } })
}

/** What was put to the side, which goes as soon as it has been read. */
async function* reread(portions: readonly ReceivedChunk[]): AsyncGenerator<Uint8Array, void> {
  for (const portion of portions) {
    yield* portion.read()
    await portion.discard()
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
