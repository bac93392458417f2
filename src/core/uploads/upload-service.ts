import { AppError } from '../../errors.ts'
import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import { assertNotCancelled, START_OVER } from '../model/cancellation.ts'
import { expectedChunk } from '../model/chunk-layout.ts'
import { assertWholeFile } from '../model/stream.ts'
import { assertSameFile, missingChunks } from '../model/upload.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'
import type { ReceivedChunk } from '../ports/spool.ts'
import { type Progress, type ProgressBoard, whenEnded } from '../progress/progress-board.ts'
import type { ToldProgress } from '../progress/told-progress.ts'
import type { HeldChunks, WaitingRequest } from './held-chunks.ts'
import { noCapacity, uploadNotFound } from './intake-refusals.ts'
import { type Placing, placeUpload } from './place-upload.ts'
import {
  assertAllowed,
  type ChunkAnswer,
  createUploadIntake,
  type FileDescription,
  type UploadIntakeOptions,
} from './upload-intake.ts'
import type { UploadRemoval } from './upload-removal.ts'

export interface UploadServiceOptions extends UploadIntakeOptions {
  removal: UploadRemoval
  credentials: Pick<CredentialsProvider, 'forUpload' | 'forRunningUpload'>
  /** Whose progress of this upload a token shows: its user id. Rejects as `forUpload` does. */
  progressReader: (token: string, uploadId: string) => Promise<string>
  progress: ProgressBoard
  told: ToldProgress
  held: Pick<HeldChunks, 'hold' | 'expect'>
  locks: KeyedLock
}

export interface UploadStatus {
  upload: Upload
  /** Ascending. */
  receivedIndices: number[]
  /** SHA-256, hex, of each of them; empty once the upload is in Telegram. */
  receivedDigests: string[]
  progress: Progress
}

/** What is known of a chunk before its bytes. */
export interface ExpectedChunk {
  id: string
  size: number
  totalChunks: number
  /** Null where it is not known yet. */
  index: number | null
  placing: Placing | null
}

/**
 * Takes files in. Calls that carry a token are refused with UPLOAD_NOT_FOUND on an upload of
 * another user; for calls without one the upload's id is the capability.
 */
export interface UploadService {
  /** Checks a token; rejects with TOKEN_REFUSED and its kin. */
  authenticate: (token: string) => Promise<Credentials>
  /**
   * Rejects when a chunk of this upload would be refused anyway, before any byte is taken, where so
   * much is known by then: with UPLOAD_CANCELLED or WINDOW_FULL, or, where there is no such upload, with
   * FILE_TOO_LARGE or as `assertCapacity`, `assertNoLongWait` and `assertPlace` do. One that is open goes
   * on and has its space. Resolves with what is to be called when the chunk has come, or does not come.
   */
  expectChunk: (file: ExpectedChunk, token: string) => Promise<() => void>
  /** Rejects with FILE_EXISTS when a new upload would be refused because of its name. */
  assertPlace: (placing: Placing | null, token: string) => Promise<void>
  /** Rejects with SPOOL_FULL when an upload of `size` bytes could not be opened now. */
  assertCapacity: (size: number) => Promise<void>
  /**
   * Rejects with TELEGRAM_FLOOD_WAIT when a new upload of `size` bytes would be refused because its
   * account has to wait.
   */
  assertNoLongWait: (size: number, token: string) => Promise<void>
  /** Rejects with TELEGRAM_UNAVAILABLE when a file of `size` bytes could not go to Telegram now. */
  assertReachable: (token: string, size: number) => Promise<void>
  /** Opens the upload, or finds it open with the same values. */
  open: (file: FileDescription, token: string) => Promise<Upload>
  /**
   * Takes one received chunk, opening the upload if it is the first. One that is too far ahead in a file
   * that goes as volumes waits first, as `HeldChunks.hold` says. The chunk is either claimed or
   * discarded when this settles.
   */
  takeChunk: (
    file: FileDescription,
    index: number,
    received: ReceivedChunk,
    request: WaitingRequest & { token: string },
  ) => Promise<ChunkAnswer>
  /** Rejects unless the token's owner has such an upload. */
  authorize: (uploadId: string, token: string) => Promise<void>
  /** Whether there is such an upload of this user. */
  isOf: (uploadId: string, userId: string) => Promise<boolean>
  /**
   * Keeps a JPEG, as `assertThumbnail` takes it, for an upload that still receives; the last one
   * counts. Rejects with UPLOAD_CLOSED, UPLOAD_CANCELLED, and BUSY where many uploads have one.
   */
  saveThumbnail: (uploadId: string, jpeg: Uint8Array, token: string | null) => Promise<void>
  /** Lets the upload be posted. Again: the same job. Rejects with CHUNKS_MISSING, UPLOAD_CANCELLED. */
  complete: (uploadId: string, token: string | null) => Promise<Progress>
  status: (uploadId: string, token: string | null) => Promise<UploadStatus>
  /** The token may be a ticket for this upload; one for anything else is FORBIDDEN. */
  progress: (uploadId: string, token: string | null) => Promise<Progress>
  /**
   * Resolves with the progress at the upload's end; rejects with the signal's reason, or with
   * SHUTTING_DOWN when this instance will not bring it there.
   */
  finished: (uploadId: string, signal: AbortSignal) => Promise<Progress>
  /**
   * Stops whatever runs, frees the disk, and remembers that this id was given up. Again: the same.
   * Resolves with how the upload has ended: a file that is in Telegram by then stays `completed`.
   */
  cancel: (uploadId: string, token: string | null) => Promise<Progress>
  /** Forgets an upload whose id no client has, so that none comes back to it. */
  discard: (uploadId: string) => Promise<void>
  /** As `UploadRemoval.expire`, and called with the upload's lock held as well. */
  expire: UploadRemoval['expire']
}

export function createUploadService(options: UploadServiceOptions): UploadService {
  const { ledger, removal, credentials, transfers, progress, held, locks, workGate, now } = options
  const { read: readProgress } = options.told
  const intake = createUploadIntake(options)

  /** The upload, if it exists and is not another user's. */
  async function find(
    uploadId: string,
    token: string | null,
    userOf = userOfLogin,
  ): Promise<Upload> {
    // The token first: one that is refused must not tell which uploads exist.
    const user = token === null ? null : await userOf(token, uploadId)
    const upload = await ledger.findUpload(uploadId)
    if (!upload || (user !== null && user !== upload.owner)) throw uploadNotFound()
    return upload
  }

  async function isOf(uploadId: string, userId: string): Promise<boolean> {
    return (await ledger.findUpload(uploadId))?.owner === userId
  }

  async function userOfLogin(token: string, _uploadId: string): Promise<string> {
    return (await credentials.forRunningUpload(token)).userId
  }

  async function assertCapacity(size: number): Promise<void> {
    if (await options.capacity.fits(size)) return
    await options.expireByteless()
    if (!(await options.capacity.fits(size))) throw noCapacity()
  }

  /** Keeps a place on the disk for a chunk that would have to wait. */
  async function expectOf(upload: Upload, index: number): Promise<() => void> {
    const { id, owner, size, totalChunks, volumeBytes } = upload
    // A chunk that cannot be is refused with a sentence once it is here.
    if (volumeBytes === null || upload.state !== 'receiving' || index >= totalChunks) {
      return () => {}
    }
    return held.expect({ id, owner, size, volumeBytes }, expectedChunk(upload, index))
  }

  async function sealLocked(upload: Upload): Promise<Upload> {
    const sealing = await ledger.sealUpload(upload.id, now())
    switch (sealing.kind) {
      case 'sealed':
        transfers.sealed(sealing.upload)
        return sealing.upload
      case 'closed':
        assertNotCancelled(sealing.upload)
        return sealing.upload
      case 'gone':
        throw uploadNotFound()
      case 'incomplete': {
        const present = new Set(sealing.present)
        const { totalChunks: total } = upload
        const missing = missingChunks(total, present)
        throw new AppError('CHUNKS_MISSING', 'Not all chunks received', {
          details: { received: present.size, total, missing, hint: START_OVER },
        })
      }
    }
  }

  return {
    authenticate: (token) => credentials.forUpload(token),
    assertPlace: async (placing, token) => {
      if (placing) await placeUpload(options.catalogue, await credentials.forUpload(token), placing)
    },
    expectChunk: async ({ id, size, totalChunks, index, placing }, token) => {
      const granted = await credentials.forUpload(token)
      const known = await ledger.findUpload(id)
      if (known?.owner === granted.userId) {
        assertNotCancelled(known)
        return index === null ? () => {} : expectOf(known, index)
      }
      assertAllowed(options, size)
      // A chunk may be larger; then it is refused once it is here.
      const chunkBytes = Math.ceil(size / totalChunks)
      const { reservedBytes } = await intake.plan(granted, { size, chunkBytes })
      await assertCapacity(reservedBytes).catch(async (error: unknown) => {
        // Another chunk of the file, which has come at the same time, may have opened it with this room.
        if (!(await isOf(id, granted.userId))) throw error
      })
      intake.assertNoLongWait(granted, size)
      if (placing) await placeUpload(options.catalogue, granted, placing)
      return () => {}
    },
    assertCapacity,
    assertNoLongWait: async (size, token) =>
      intake.assertNoLongWait(await credentials.forUpload(token), size),
    assertReachable: async (token, size) =>
      intake.assertReachable(await credentials.forUpload(token), size),
    open: async (file, token) => {
      const granted = await credentials.forUpload(token)
      return locks.run(file.id, async () => {
        const upload = await intake.openOrResume(file, granted, token)
        assertSameFile(upload, file)
        return upload
      })
    },
    takeChunk: async (file, index, received, request) => {
      const { token } = request
      try {
        workGate.assertMore()
        // A backend that is down does not stop an upload that runs; another user's does not run.
        const runs = ({ userId }: Credentials): Promise<boolean> => isOf(file.id, userId)
        const granted = await credentials.forRunningUpload(token, runs)
        for (;;) {
          const taken = await locks.run(file.id, () =>
            intake.takeChunk(file, { index, received }, { granted, token }),
          )
          if (!('beyond' in taken)) return taken
          // Without the lock: the chunks that it waits for have to come in.
          await held.hold(taken.upload, taken.beyond, request)
        }
      } finally {
        await received.discard()
      }
    },
    authorize: async (uploadId, token) => void (await find(uploadId, token)),
    isOf,
    saveThumbnail: async (uploadId, jpeg, token) => {
      assertNotCancelled(await find(uploadId, token))
      const saved = await ledger.saveUploadThumbnail(uploadId, jpeg)
      if (saved === 'closed') throw comesTooLate()
      if (saved === 'full') throw tooManyThumbnails()
    },
    complete: async (uploadId, token) => {
      workGate.assertMore()
      await find(uploadId, token)
      assertWholeFile(await ledger.stream(uploadId))
      return locks.run(uploadId, async () => {
        const upload = await find(uploadId, null)
        assertNotCancelled(upload)
        return progress.of(await sealLocked(upload))
      })
    },
    status: async (uploadId, token) => {
      const upload = await find(uploadId, token)
      const received = receivedOf(upload, await ledger.chunks(uploadId))
      return { upload, ...received, progress: await readProgress(upload) }
    },
    progress: async (uploadId, token) =>
      readProgress(await find(uploadId, token, options.progressReader)),
    finished: async (uploadId, signal) => {
      const ended = AbortSignal.any([signal, workGate.ending])
      return whenEnded(progress, uploadId, () => find(uploadId, null), ended)
    },
    cancel: async (uploadId, token) => {
      await find(uploadId, token)
      return locks.run(uploadId, async () => progress.of(await removal.cancel(uploadId)))
    },
    discard: (uploadId) =>
      locks.run(uploadId, async () => {
        // Its owner may have found it among the jobs, and given it up.
        const upload = await ledger.findUpload(uploadId)
        if (upload?.state !== 'cancelled') await removal.abandon(uploadId)
      }),
    expire: removal.expire,
  }
}

function comesTooLate(): AppError {
  const sentence = 'A thumbnail has to come before the upload is complete'
  return new AppError('UPLOAD_CLOSED', sentence)
}

function tooManyThumbnails(): AppError {
  const sentence = 'Too many unfinished uploads have a thumbnail; the file is sent without one'
  return new AppError('BUSY', sentence, { retryAfter: 5 })
}

/** All indices once the upload is in Telegram, even when its chunk rows are gone. */
function receivedOf(
  upload: Upload,
  chunks: ChunkRecord[],
): Pick<UploadStatus, 'receivedIndices' | 'receivedDigests'> {
  if (upload.state === 'completed') {
    return { receivedIndices: missingChunks(upload.totalChunks, new Set()), receivedDigests: [] }
  }
  const ascending = chunks.toSorted((a, b) => a.index - b.index)
  return {
    receivedIndices: ascending.map(({ index }) => index),
    receivedDigests: ascending.map(({ digest }) => digest),
  }
}
