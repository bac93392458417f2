import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import { onAbort } from '../../lib/waiting/abortable.ts'
import { uploadCancelled } from '../model/cancellation.ts'
import { chunkSizeAt } from '../model/chunk-layout.ts'
import { type ByteSource, contiguous, STREAM_CHUNK_BYTES } from '../model/stream.ts'
import type { Upload } from '../ports/records.ts'
import type { ReceivedChunk, Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import { type ByteCutter, createByteCutter } from './byte-cutter.ts'
import { uploadNotFound } from './intake-refusals.ts'
import type { UploadIntake, UploadIntakeOptions } from './upload-intake.ts'

/** How often a sender that is slower than a chunk per `SESSION_TTL` is noted to be alive. */
const TOUCH_EVERY_MS = 5_000

export interface StreamFillerOptions
  extends Pick<UploadIntakeOptions, 'ledger' | 'workGate' | 'now'> {
  spool: Pick<Spool, 'receive' | 'append' | 'partialBytes'>
  intake: Pick<UploadIntake, 'acceptChunk'>
  progress: Pick<ProgressBoard, 'subscribe'>
  locks: KeyedLock
}

/** A source, and where in the file its first byte belongs. */
export interface PlacedSource extends ByteSource {
  readonly from: number
}

/** Cuts a stream into the chunks of its upload. One call at a time per upload. */
export interface StreamFiller {
  fill: (upload: Upload, source: PlacedSource, confirm: (() => void) | null) => Promise<void>
  /** Makes a chunk of the last bytes, where a crash or a full disk has kept them from it. */
  close: (upload: Upload) => Promise<void>
}

export function createStreamFiller(options: StreamFillerOptions): StreamFiller {
  const { ledger, spool, intake, progress, locks, workGate, now } = options
  const { signal } = new AbortController()

  /** Puts bytes behind those that are there, chunk by chunk. */
  async function pour({ id, size }: Upload, cutter: ByteCutter, mayFree: boolean): Promise<void> {
    let index = contiguous(await ledger.chunks(id)).count
    while (await cutter.more()) {
      const name = { uploadId: id, index }
      const targetBytes = chunkSizeAt({ size, chunkSize: STREAM_CHUNK_BYTES }, index)
      const missing = targetBytes - (await spool.partialBytes(name))
      const limits = { targetBytes, signal, mayFree }
      const { whole } = await spool.append(name, cutter.take(missing), limits)
      if (whole === null) return
      await acknowledge(id, index, whole)
      index++
    }
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
    { confirm, mayFree }: { confirm: () => void; mayFree: boolean },
  ): Promise<void> {
    const limits = { maxBytes: STREAM_CHUNK_BYTES, signal, mayFree }
    const portions: ReceivedChunk[] = []
    try {
      while (await cutter.more()) {
        portions.push(await spool.receive(cutter.take(STREAM_CHUNK_BYTES), limits))
      }
      confirm()
      const bytes = reread(portions)
      const size = portions.reduce((sum, portion) => sum + portion.size, 0)
      await pour(upload, createByteCutter(bytes, size), false).finally(() => bytes.return())
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
    fill: async (upload, { bytes, mayFree = false, requestUnlock, from }, confirm) => {
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
        if (confirm === null) await pour(upload, cutter, mayFree)
        else {
          const keep = (): void => {
            confirm()
            keeps = true
          }
          await pourConfirmed(upload, cutter, { confirm: keep, mayFree })
        }
      } finally {
        forget()
        ignoreEnding()
        // A request that brings nothing must not keep an upload alive.
        if (keeps && brings) await ledger.touchUpload(upload.id, now())
      }
    },
    close: async ({ id, size, totalChunks }) => {
      const index = contiguous(await ledger.chunks(id)).count
      if (index === totalChunks) return
      const targetBytes = chunkSizeAt({ size, chunkSize: STREAM_CHUNK_BYTES }, index)
      const { whole } = await spool.append({ uploadId: id, index }, nothing(), {
        targetBytes,
        signal,
      })
      if (whole) await acknowledge(id, index, whole)
    },
  }
}

/** What was put to the side, which goes as soon as it has been read. */
async function* reread(portions: readonly ReceivedChunk[]): AsyncGenerator<Uint8Array, void> {
  for (const portion of portions) {
    yield* portion.read()
    await portion.discard()
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
