import { AppError } from '../../errors.ts'
import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import type { PreemptibleLock } from '../../lib/concurrency/preemptible-lock.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { assertNotCancelled } from '../model/cancellation.ts'
import {
  assertNotFailed,
  type ByteSource,
  contiguous,
  isPartial,
  STREAM_CHUNK_BYTES,
  type StreamState,
} from '../model/stream.ts'
import { emptyFile } from '../model/upload.ts'
import type { StreamRecord, Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import { uploadNotFound } from './intake-refusals.ts'
import { createStreamFiller } from './stream-filler.ts'
import { createStreamJoin, type JoinDescription } from './stream-join.ts'
import {
  createUploadIntake,
  type FileDescription,
  type UploadIntakeOptions,
} from './upload-intake.ts'
import type { UploadService } from './upload-service.ts'

export interface StreamServiceOptions extends UploadIntakeOptions {
  uploads: Pick<
    UploadService,
    'open' | 'status' | 'complete' | 'discard' | 'authenticate' | 'authorize'
  >
  spool: Pick<Spool, 'receive' | 'append' | 'partialBytes' | 'share' | 'remove'>
  progress: Pick<ProgressBoard, 'subscribe'>
  locks: KeyedLock
  /** Held by the one request that may change a stream; the next request asks it to end soon. */
  uploadLock: PreemptibleLock
}

const LEFT_MS = 60_000
const LOOKED_MS = 24 * 3_600_000
const MAX_LOOKED = 50_000

/** What a caller says about a stream when it opens. */
export type StreamDescription = Omit<FileDescription, 'totalChunks' | 'stream'> &
  Omit<StreamRecord, 'uploadId'>

/**
 * Uploads whose bytes come in order and are cut into chunks here, such as those of tus clients.
 * Apart from that they are uploads like all others. They complete by themselves with their last
 * byte. Except for `open` and `join`, callers hold the stream's upload lock.
 */
export interface StreamService {
  /** Rejects as `UploadService.open` does. */
  open: (described: StreamDescription, token: string) => Promise<Upload>
  /** Before the answer to `open` leaves: from now on the stream outlives a death of the worker. */
  announce: (uploadId: string) => Promise<void>
  /**
   * Rejects with UPLOAD_NOT_FOUND, also for an upload that comes in chunks, with UPLOAD_CANCELLED,
   * or with UPLOAD_GONE once it has failed.
   */
  find: (uploadId: string, token: string | null) => Promise<StreamState>
  /**
   * Takes bytes from `offset` on, until the source ends. Whatever ends it early, what came before
   * stays: the next `find` says how much. With `confirm` nothing is kept before it has been called
   * at the source's end, and nothing at all when it throws. Rejects with OFFSET_CONFLICT.
   */
  append: (
    uploadId: string,
    offset: number,
    source: ByteSource,
    confirm: (() => void) | null,
  ) => Promise<StreamState>
  /** Makes one upload of several partial ones; again with the same parts: the same upload. */
  join: (described: JoinDescription, token: string) => Promise<Upload>
  /** After a restart: removes what no client was told of, and completes what has all its bytes. */
  resume: () => Promise<void>
  /**
   * In a cluster: the same for what other nodes have left, which is looked at once no bytes have come for
   * a minute. Called every minute, at one node.
   */
  resumeLeft: () => Promise<void>
}

export function createStreamService(options: StreamServiceOptions): StreamService {
  const { ledger, spool, uploads, uploadLock, log } = options
  const intake = createUploadIntake(options)
  const filler = createStreamFiller({ ...options, intake })
  const join = createStreamJoin({ ...options, find })
  /** Streams opened before this were left by an earlier process. */
  const startedAt = options.now()
  /** When bytes had come last for what was looked at. */
  const looked = createTtlCache<number>({ maxEntries: MAX_LOOKED })

  async function find(uploadId: string, token: string | null): Promise<StreamState> {
    const { upload } = await uploads.status(uploadId, token)
    assertNotCancelled(upload)
    const stream = await ledger.stream(uploadId)
    if (stream === null) throw uploadNotFound()
    assertNotFailed(upload)
    if (upload.state !== 'receiving') return { upload, stream, offset: upload.size }
    const { count, bytes } = contiguous(await ledger.chunks(uploadId))
    const growing =
      count === upload.totalChunks ? 0 : await spool.partialBytes({ upload, index: count })
    const offset = bytes + growing
    if (offset === upload.size) await settle(upload, stream)
    // It may have been sealed here, or have ended elsewhere since it was looked at.
    const latest = await ledger.findUpload(uploadId)
    if (latest === null) throw uploadNotFound()
    assertNotCancelled(latest)
    return { upload: latest, stream, offset }
  }

  /** All bytes are here: makes its last chunk one, if it is not yet, and lets the job begin. */
  async function settle(upload: Upload, stream: StreamRecord): Promise<void> {
    await filler.close(upload)
    if (!isPartial(stream)) await uploads.complete(upload.id, null)
  }

  /** A stream whose bytes a request brings at this moment is left to that request. */
  async function ifIdle(uploadId: string, work: () => Promise<void>): Promise<void> {
    try {
      const release = await uploadLock.tryAcquire(uploadId)
      if (release) await work().finally(release)
    } catch (err) {
      log.warn({ uploadId, err }, 'a stream could not be looked at')
    }
  }

  /** The client was cut off before it learned the id: it opens another upload, and sends all again. */
  async function removeUnannounced(openedBefore: number): Promise<void> {
    for (const uploadId of await ledger.unannouncedStreams(openedBefore)) {
      await ifIdle(uploadId, async () => {
        // The request that has opened it may have come to its end since.
        if (!(await ledger.unannouncedStreams(openedBefore)).includes(uploadId)) return
        await uploads.discard(uploadId)
        log.info({ uploadId }, 'a stream that nobody was told of was removed')
      })
    }
  }

  async function completeWhole(isWanted: (upload: Upload) => boolean): Promise<void> {
    for (const upload of await ledger.uploadsInState('receiving')) {
      const { id } = upload
      if (!isWanted(upload) || (await ledger.stream(id)) === null) continue
      await ifIdle(id, async () => void (await find(id, null)))
    }
  }

  /** Once for each time that bytes have come. */
  function isLeft({ id, touchedAt }: Upload): boolean {
    if (touchedAt > options.now() - LEFT_MS || looked.get(id) === touchedAt) return false
    looked.set(id, touchedAt, LOOKED_MS)
    return true
  }

  return {
    find,
    join,
    announce: ledger.announceStream,
    open: async ({ metadata, concat, ...file }, token) => {
      // A client that sends a file in parallel cuts a tiny one into parts of which some are empty.
      if (file.size === 0 && concat !== 'partial') throw emptyFile('Upload-Length')
      const totalChunks = Math.ceil(file.size / STREAM_CHUNK_BYTES)
      return uploads.open({ ...file, totalChunks, stream: { metadata, concat } }, token)
    },
    append: async (uploadId, offset, source, confirm) => {
      options.workGate.assertMore()
      const { upload, offset: present } = await find(uploadId, null)
      if (present !== offset) {
        throw new AppError('OFFSET_CONFLICT', `The upload is at byte ${present}, not ${offset}`, {
          details: { offset: present },
        })
      }
      await filler.fill(upload, { ...source, from: offset }, confirm)
      return find(uploadId, null)
    },
    resume: async () => {
      await removeUnannounced(startedAt)
      await completeWhole(() => true)
    },
    resumeLeft: async () => {
      await removeUnannounced(options.now() - LEFT_MS)
      await completeWhole(isLeft)
    },
  }
}
