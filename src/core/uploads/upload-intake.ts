import { AppError } from '../../errors.ts'
import { assertNotCancelled } from '../model/cancellation.ts'
import { newCaptionId } from '../model/caption.ts'
import { largestChunkSize } from '../model/chunk-layout.ts'
import { accountWaits } from '../model/flood-wait.ts'
import { STREAM_CHUNK_BYTES } from '../model/stream.ts'
import {
  assertSameChunk,
  assertSameFile,
  chunkSizeWith,
  openUpload,
  type UploadDescription,
} from '../model/upload.ts'
import { reachOf } from '../model/volumes/window.ts'
import type { Catalogue } from '../ports/catalogue.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { AcceptedChunk, FoundChunk, Ledger, Opened, Opening } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { UploadMetrics } from '../ports/metrics.ts'
import type { StreamRecord, Upload } from '../ports/records.ts'
import type { ChunkName, ReceivedChunk } from '../ports/spool.ts'
import type { PostRule, TelegramGateway } from '../ports/telegram.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { Transfers } from '../transfers/transfer.ts'
import type { Capacity } from './capacity.ts'
import type { VolumeUpload, WaitingChunk } from './held-chunks.ts'
import {
  noCapacity,
  notAccepted,
  overShare,
  type UserShare,
  uploadNotFound,
} from './intake-refusals.ts'
import { asGiven, type Placed, type Placing, placeUpload } from './place-upload.ts'
import { planUpload, type UploadPlan } from './plan-upload.ts'
import type { VolumeWindows } from './volume-windows.ts'

export interface UploadIntakeOptions {
  ledger: Ledger
  gateway: Pick<TelegramGateway, 'documentLimits' | 'assertReachable' | 'waitFor'>
  workGate: Pick<WorkGate, 'assertNew' | 'assertMore' | 'ending'>
  transfers: Transfers
  metrics: UploadMetrics
  capacity: Pick<Capacity, 'available' | 'fits' | 'totalBytes'>
  /** How far uploads are that go as volumes. */
  windows: Pick<VolumeWindows, 'of'>
  /** Removes the expired uploads that have brought no byte. */
  expireByteless: () => Promise<void>
  /** The libraries as they are known. */
  catalogue: Pick<Catalogue, 'libraryFolder' | 'libraryFilesNamed'>
  /** Largest file, in bytes, that the operator allows. */
  maxFileBytes: number
  /** Largest volume, in bytes, that the operator allows; Telegram may take less. */
  maxVolumeBytes: number
  /** Milliseconds: an account that has to wait for longer begins no upload. */
  maxWaitMs: number
  /** What one user may have unfinished at one time. */
  perUser: UserShare
  now: () => number
  log: Log
}

/** What a caller says about the file of an upload; its owner is found out by the token. */
export interface FileDescription
  extends Omit<UploadDescription, 'owner' | 'captionId' | 'volumeBytes' | keyof Placed>,
    Placing {
  /** Its words as a stream; without them it comes in chunks. */
  stream?: Omit<StreamRecord, 'uploadId'>
  /** A JPEG as `assertThumbnail` takes it: of an upload that is open already, the first one counts. */
  thumbnail?: Uint8Array | null
}

export interface ChunkAnswer {
  upload: Upload
  index: number
  receivedChunks: number
}

/** A chunk that is not filed yet, because it is too far ahead of what Telegram has of its file. */
export interface ChunkBeyondReach {
  upload: VolumeUpload
  beyond: WaitingChunk
}

/** How files come in. Callers hold the upload's lock. */
export interface UploadIntake {
  /**
   * Throws TELEGRAM_FLOOD_WAIT when the account that would carry a file of `size` bytes has to wait
   * for longer than a job lives.
   */
  assertNoLongWait: (granted: Credentials, size: number) => void
  /** Rejects as `planUpload` does. */
  plan: (granted: Credentials, file: { size: number; chunkBytes: number }) => Promise<UploadPlan>
  /** For a caller that waits for the file's end. A file that can never go is failed by its own job. */
  assertReachable: (granted: Credentials, size: number) => void
  /**
   * Resolves with the upload of this id, opened now if there is none. Rejects with UPLOAD_NOT_FOUND
   * (another user's), UPLOAD_CANCELLED, UPLOAD_DIFFERS, EMPTY_FILE, FILE_EXISTS, FILE_TOO_LARGE,
   * TOO_MANY_UPLOADS, QUOTA_EXCEEDED, SPOOL_FULL, SPOOL_FAILED, TELEGRAM_FLOOD_WAIT, SHUTTING_DOWN. An
   * upload reserves what it may need of the disk at one moment, so that it is not refused for want of
   * space later. With `first`, the chunk that opens it and is on the disk already, also
   * CHUNK_OUT_OF_RANGE and CHUNK_SIZE_WRONG: a chunk that is refused opens nothing.
   */
  openOrResume: (
    file: FileDescription,
    granted: Credentials,
    token: string,
    first?: { index: number; size: number },
  ) => Promise<Upload>
  /**
   * Files a chunk under the upload of its file, which it opens if there is none; a chunk that is beyond
   * reach it leaves as it is. Rejects as `openOrResume` and `acceptChunk` do.
   */
  takeChunk: (
    file: FileDescription,
    chunk: { index: number; received: ReceivedChunk },
    caller: { granted: Credentials; token: string },
  ) => Promise<ChunkAnswer | ChunkBeyondReach>
  /** Files a chunk under its upload; `received` is claimed only when it is new. */
  acceptChunk: (uploadId: string, index: number, received: ReceivedChunk) => Promise<ChunkAnswer>
}

export function createUploadIntake(options: UploadIntakeOptions): UploadIntake {
  const { ledger, transfers, windows, now, log } = options

  /** The file first, then its row: a row always has its file, and a file without a row goes. */
  async function acknowledge(
    { upload, index }: ChunkName,
    received: ReceivedChunk,
    writeRow: () => Promise<AcceptedChunk>,
  ): Promise<Extract<AcceptedChunk, { kind: 'accepted' }>> {
    try {
      await received.claim(upload, index)
      const accepted = await writeRow()
      if (accepted.kind !== 'accepted') throw notAccepted(accepted, { index, size: received.size })
      return accepted
    } catch (error) {
      await received.unclaim(upload, index).catch((err: unknown) => {
        log.warn(
          { uploadId: upload.id, err },
          'a chunk without a row is left until it is sent again',
        )
      })
      throw error
    }
  }

  async function reopen(known: Upload, file: FileDescription, token: string): Promise<Upload> {
    assertResumes({ upload: known, isStream: (await ledger.stream(known.id)) !== null }, file)
    await ledger.saveUploadToken(known.id, token)
    return known
  }

  /** Claims the chunk if it is new. The newest token comes with it; null: there is none. */
  async function accept(
    { upload, chunk: known, count }: FoundChunk,
    { index, received }: { index: number; received: ReceivedChunk },
    token: string | null,
  ): Promise<ChunkAnswer> {
    const chunkSize = chunkSizeWith(upload, index, received.size)
    if (known) {
      assertSameChunk(known, received.size, received.digest)
      if (token !== null) await ledger.saveUploadToken(upload.id, token)
      await ledger.touchUpload(upload.id, now())
      return { upload, index, receivedChunks: count }
    }
    if (upload.state !== 'receiving')
      throw notAccepted({ kind: 'closed', upload }, { index, size: received.size })
    const record = { index, size: received.size, digest: received.digest }
    const { count: receivedChunks } = await acknowledge({ upload, index }, received, () =>
      ledger.acceptChunk(upload.id, record, {
        captionId: upload.captionId,
        chunkSize,
        token,
        now: now(),
      }),
    )
    options.metrics.received(received.size)
    const touched = { ...upload, chunkSize }
    transfers.chunkArrived(touched, index)
    return { upload: touched, index, receivedChunks }
  }

  /** Opens the row; where there is no capacity, once more after what has expired is gone. */
  async function openRow(
    opening: Omit<Opening, 'capacity'>,
    presentBytes: number,
  ): Promise<Opened> {
    const tryOnce = async (): Promise<Opened> =>
      ledger.openUpload({ ...opening, capacity: await options.capacity.available(presentBytes) })
    const opened = await tryOnce()
    if (opened.kind !== 'no-capacity') return opened
    await options.expireByteless()
    return tryOnce()
  }

  const openOrResume: UploadIntake['openOrResume'] = async (file, granted, token, first) => {
    const owner = granted.userId
    const known = await ledger.findUpload(file.id)
    if (known?.owner === owner) return reopen(known, file, token)
    // With another user's id, too: what is refused anyway must not tell that the id is taken.
    options.workGate.assertNew()
    const { stream = null, thumbnail = null, onConflict: _, ...described } = file
    // A part of another upload is no file that could be found.
    const isPart = stream?.concat === 'partial'
    const placed = isPart ? asGiven(file) : await placeUpload(options.catalogue, granted, file)
    const captionId = newCaptionId()
    const whole = openUpload({ ...described, ...placed, owner, captionId }, now())
    assertAllowed(options, whole.size)
    // A chunk that is refused must not have reserved anything.
    const flaw = first ? chunkFlaw(whole, first) : null
    const { size } = whole
    const chunkBytes = chunkBytesOf(whole, {
      isStream: stream !== null,
      first: flaw === null ? (first ?? null) : null,
    })
    const { volumeBytes, reservedBytes } = isPart
      ? { volumeBytes: null, reservedBytes: size }
      : await planUpload(options, granted, { size, chunkBytes })
    const upload = { ...whole, volumeBytes }
    assertNoLongWait(options, granted, isPart ? null : upload.size)
    const share = options.perUser
    const bytes = { reservedBytes, share, lookOnly: flaw !== null }
    const opened = await openRow({ upload, token, stream, thumbnail, ...bytes }, first?.size ?? 0)
    if (flaw !== null && (opened.kind === 'opened' || opened.kind === 'known')) throw flaw
    switch (opened.kind) {
      case 'over-share':
        throw overShare(opened.held, share, isPart)
      case 'no-capacity':
        throw noCapacity(isPart)
      case 'known':
        // Another user has the id, or a request of the same user was faster.
        if (opened.upload.owner !== owner) throw uploadNotFound()
        return reopen(opened.upload, file, token)
      case 'opened':
        log.info(
          { uploadId: upload.id, size: upload.size, ...(volumeBytes !== null && { volumeBytes }) },
          'Upload session initialized',
        )
        return upload
    }
  }

  const acceptChunk: UploadIntake['acceptChunk'] = async (uploadId, index, received) => {
    const found = await ledger.findChunk(uploadId, index)
    if (found === null) throw uploadNotFound()
    return accept(found, { index, received }, null)
  }

  /** Null for a chunk that is within reach, or is judged elsewhere. */
  async function beyondReach(
    { upload, chunk }: FoundChunk,
    index: number,
    { size: bytes }: ReceivedChunk,
  ): Promise<ChunkBeyondReach | null> {
    const { id, owner, size, volumeBytes } = upload
    if (volumeBytes === null || chunk !== null || upload.state !== 'receiving') return null
    const chunkBytes = chunkSizeWith(upload, index, bytes)
    const end = Math.min(size, (index + 1) * chunkBytes)
    const { posted } = await windows.of(id)
    if (end <= reachOf({ size, volumeBytes, chunkBytes, posted })) return null
    return { upload: { id, owner, size, volumeBytes }, beyond: { end, bytes, chunkBytes } }
  }

  return {
    assertNoLongWait: (granted, size) => assertNoLongWait(options, granted, size),
    plan: (granted, file) => planUpload(options, granted, file),
    assertReachable: (granted, size) => {
      try {
        options.gateway.assertReachable(granted, ...documentOf(options, granted, size))
      } catch (error) {
        if (error instanceof AppError && error.retryable) throw error
      }
    },
    openOrResume,
    takeChunk: async (file, { index, received }, { granted, token }) => {
      const known = await ledger.findChunk(file.id, index)
      if (known?.upload.owner === granted.userId) {
        assertResumes(known, file)
        const beyond = await beyondReach(known, index, received)
        if (beyond === null) return accept(known, { index, received }, token)
        // What it waits for may wait for a token that is not refused.
        await ledger.saveUploadToken(known.upload.id, token)
        return beyond
      }
      const { id } = await openOrResume(file, granted, token, { index, size: received.size })
      const found = await ledger.findChunk(id, index)
      if (found === null) throw uploadNotFound()
      // It has just brought its token.
      return (await beyondReach(found, index, received)) ?? accept(found, { index, received }, null)
    },
    acceptChunk,
  }
}

/** Throws FILE_TOO_LARGE when the operator allows no such file. */
export function assertAllowed(
  { maxFileBytes }: Pick<UploadIntakeOptions, 'maxFileBytes'>,
  size: number,
): void {
  if (size <= maxFileBytes) return
  throw new AppError('FILE_TOO_LARGE', `The file is larger than ${maxFileBytes} bytes`, {
    details: { maxFileSize: maxFileBytes },
  })
}

/**
 * A file whose job would only fail is not taken in. The size is null where it is not known yet.
 * Throws TELEGRAM_FLOOD_WAIT.
 */
export function assertNoLongWait(
  { gateway, maxWaitMs }: Pick<UploadIntakeOptions, 'gateway' | 'maxWaitMs'>,
  granted: Credentials,
  size: number | null,
): void {
  const seconds =
    size === null
      ? gateway.waitFor(granted, null)
      : gateway.waitFor(granted, ...documentOf({ gateway }, granted, size))
  if (seconds * 1000 > maxWaitMs) throw accountWaits(seconds)
}

/** The size of the documents by which a file goes, and how they are posted. */
function documentOf(
  { gateway }: Pick<UploadIntakeOptions, 'gateway'>,
  granted: Credentials,
  size: number,
): [size: number, rule: PostRule] {
  const { documentBytes, volumeBytes } = gateway.documentLimits(granted)
  if (size <= documentBytes) return [size, { exactlyOnce: false }]
  return [volumeBytes, { exactlyOnce: true }]
}

/** Throws UPLOAD_CANCELLED, or UPLOAD_DIFFERS, unless the file can go on as this upload. */
function assertResumes(
  { upload, isStream }: Pick<FoundChunk, 'upload' | 'isStream'>,
  { size, totalChunks }: FileDescription,
): void {
  assertNotCancelled(upload)
  // A stream is cut into chunks here: one that came from elsewhere would meet those.
  if (isStream) {
    throw new AppError('UPLOAD_DIFFERS', 'This upload comes by the tus protocol, not in chunks')
  }
  assertSameFile(upload, { size, totalChunks })
}

/** Bytes of each chunk but the last. Where no chunk is here that tells, the most that they may have. */
function chunkBytesOf(
  upload: Upload,
  { isStream, first }: { isStream: boolean; first: { index: number; size: number } | null },
): number {
  if (isStream) return STREAM_CHUNK_BYTES
  if (first) return chunkSizeWith(upload, first.index, first.size)
  return largestChunkSize(upload.size, upload.totalChunks)
}

/** Why this cannot be a chunk of the upload, or null. */
function chunkFlaw(upload: Upload, { index, size }: { index: number; size: number }): unknown {
  try {
    chunkSizeWith(upload, index, size)
    return null
  } catch (error) {
    return error
  }
}
