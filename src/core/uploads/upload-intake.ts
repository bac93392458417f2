import { AppError } from '../../errors.ts'
import { assertNotCancelled } from '../model/cancellation.ts'
import { newCaptionId } from '../model/caption.ts'
import { accountWaits } from '../model/flood-wait.ts'
import {
  assertSameChunk,
  assertSameFile,
  chunkSizeWith,
  openUpload,
  type UploadDescription,
} from '../model/upload.ts'
import type { Catalogue } from '../ports/catalogue.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { AcceptedChunk, FoundChunk, Ledger, Opened, Opening } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { UploadMetrics } from '../ports/metrics.ts'
import type { StreamRecord, Upload } from '../ports/records.ts'
import type { ReceivedChunk } from '../ports/spool.ts'
import type { TelegramGateway } from '../ports/telegram.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { Transfers } from '../transfers/transfer.ts'
import { type Capacity, noCapacity } from './capacity.ts'
import { notAccepted, overShare, type UserShare, uploadNotFound } from './intake-refusals.ts'
import { asGiven, type Placed, type Placing, placeUpload } from './place-upload.ts'

export interface UploadIntakeOptions {
  ledger: Ledger
  gateway: Pick<TelegramGateway, 'roadFor' | 'assertReachable' | 'waitFor'>
  workGate: Pick<WorkGate, 'assertNew' | 'assertMore' | 'ending'>
  transfers: Transfers
  metrics: UploadMetrics
  capacity: Pick<Capacity, 'available' | 'fits'>
  /** Removes the expired uploads that have brought no byte. */
  expireByteless: () => Promise<void>
  /** The libraries as they are known. */
  catalogue: Pick<Catalogue, 'libraryFolder' | 'libraryFilesNamed'>
  /** Largest file, in bytes, that the operator allows; Telegram may take less. */
  maxFileBytes: number
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

/** How files come in. Callers hold the upload's lock. */
export interface UploadIntake {
  /**
   * Throws TELEGRAM_FLOOD_WAIT when the account that would carry a file of `size` bytes has to wait
   * for longer than a job lives.
   */
  assertNoLongWait: (granted: Credentials, size: number) => void
  /** For a caller that waits for the file's end. A file that can never go is failed by its own job. */
  assertReachable: (granted: Credentials, size: number) => void
  /**
   * Resolves with the upload of this id, opened now if there is none. Rejects with UPLOAD_NOT_FOUND
   * (another user's), UPLOAD_CANCELLED, UPLOAD_DIFFERS, EMPTY_FILE, FILE_EXISTS, FILE_TOO_LARGE,
   * TOO_MANY_UPLOADS, QUOTA_EXCEEDED, SPOOL_FULL, SPOOL_FAILED, TELEGRAM_FLOOD_WAIT, SHUTTING_DOWN. An upload reserves its whole size, so that it is not refused
   * for want of space later. With `first`, the chunk that opens it and is on the disk already, also
   * CHUNK_OUT_OF_RANGE and CHUNK_SIZE_WRONG: a chunk that is refused opens nothing.
   */
  openOrResume: (
    file: FileDescription,
    granted: Credentials,
    token: string,
    first?: { index: number; size: number },
  ) => Promise<Upload>
  /**
   * Files a chunk under the upload of its file, which it opens if there is none. Rejects as
   * `openOrResume` and `acceptChunk` do.
   */
  takeChunk: (
    file: FileDescription,
    chunk: { index: number; received: ReceivedChunk },
    caller: { granted: Credentials; token: string },
  ) => Promise<ChunkAnswer>
  /** Files a chunk under its upload; `received` is claimed only when it is new. */
  acceptChunk: (uploadId: string, index: number, received: ReceivedChunk) => Promise<ChunkAnswer>
}

export function createUploadIntake(options: UploadIntakeOptions): UploadIntake {
  const { ledger, transfers, now, log } = options

  /** The file first, then its row: a row always has its file, and a file without a row goes. */
  async function acknowledge(
    { id, index }: { id: string; index: number },
    received: ReceivedChunk,
    writeRow: () => Promise<AcceptedChunk>,
  ): Promise<Extract<AcceptedChunk, { kind: 'accepted' }>> {
    try {
      await received.claim(id, index)
      const accepted = await writeRow()
      if (accepted.kind !== 'accepted') throw notAccepted(accepted)
      return accepted
    } catch (error) {
      await received.unclaim(id, index).catch((err: unknown) => {
        log.warn({ uploadId: id, err }, 'a chunk without a row is left until it is sent again')
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
    if (upload.state !== 'receiving') throw notAccepted({ kind: 'closed', upload })
    const record = { index, size: received.size, digest: received.digest }
    const { count: receivedChunks } = await acknowledge({ id: upload.id, index }, received, () =>
      ledger.acceptChunk(upload.id, record, { chunkSize, token, now: now() }),
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
    const upload = openUpload({ ...described, ...placed, owner, captionId }, now())
    assertTakes(options, granted, upload.size)
    assertNoLongWait(options, granted, isPart ? null : upload.size)
    // A chunk that is refused must not have reserved anything.
    const flaw = first ? chunkFlaw(upload, first) : null
    const share = options.perUser
    const opening = { upload, token, stream, thumbnail, share, lookOnly: flaw !== null }
    const opened = await openRow(opening, first?.size ?? 0)
    if (flaw !== null && (opened.kind === 'opened' || opened.kind === 'known')) throw flaw
    switch (opened.kind) {
      case 'over-share':
        throw overShare(opened.held, share)
      case 'no-capacity':
        throw noCapacity()
      case 'known':
        // Another user has the id, or a request of the same user was faster.
        if (opened.upload.owner !== owner) throw uploadNotFound()
        return reopen(opened.upload, file, token)
      case 'opened':
        log.info({ uploadId: upload.id, size: upload.size }, 'Upload session initialized')
        return upload
    }
  }

  const acceptChunk: UploadIntake['acceptChunk'] = async (uploadId, index, received) => {
    const found = await ledger.findChunk(uploadId, index)
    if (found === null) throw uploadNotFound()
    return accept(found, { index, received }, null)
  }

  return {
    assertNoLongWait: (granted, size) => assertNoLongWait(options, granted, size),
    assertReachable: (granted, size) => {
      try {
        options.gateway.assertReachable(granted, size)
      } catch (error) {
        if (error instanceof AppError && error.retryable) throw error
      }
    },
    openOrResume,
    takeChunk: async (file, { index, received }, { granted, token }) => {
      const found = await ledger.findChunk(file.id, index)
      if (found?.upload.owner === granted.userId) {
        assertResumes(found, file)
        return accept(found, { index, received }, token)
      }
      const { id } = await openOrResume(file, granted, token, { index, size: received.size })
      return acceptChunk(id, index, received)
    },
    acceptChunk,
  }
}

/** Throws FILE_TOO_LARGE when the operator allows no such file, or Telegram takes none. */
export function assertTakes(
  { gateway, maxFileBytes }: Pick<UploadIntakeOptions, 'gateway' | 'maxFileBytes'>,
  granted: Credentials,
  size: number,
): void {
  if (size > maxFileBytes) {
    throw new AppError('FILE_TOO_LARGE', `The file is larger than ${maxFileBytes} bytes`, {
      details: { maxFileSize: maxFileBytes },
    })
  }
  try {
    gateway.roadFor(granted, size)
  } catch (error) {
    // Having no road at all is said by the job, as the contract has it.
    if (error instanceof AppError && error.code === 'FILE_TOO_LARGE') throw error
  }
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
  const seconds = gateway.waitFor(granted, size)
  if (seconds * 1000 > maxWaitMs) throw accountWaits(seconds)
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

/** Why this cannot be a chunk of the upload, or null. */
function chunkFlaw(upload: Upload, { index, size }: { index: number; size: number }): unknown {
  try {
    chunkSizeWith(upload, index, size)
    return null
  } catch (error) {
    return error
  }
}
