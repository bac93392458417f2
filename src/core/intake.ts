import { AppError } from '../errors.ts'
import type { Log } from './log.ts'
import type { Credentials } from './ports/credentials.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Upload } from './ports/records.ts'
import type { ReceivedChunk } from './ports/spool.ts'
import type { TelegramGateway } from './ports/telegram.ts'
import type { Room } from './room.ts'
import type { Transfers } from './transfer.ts'
import {
  assertSameChunk,
  assertSameFile,
  chunkSizeWith,
  openUpload,
  type UploadDescription,
} from './upload.ts'

export interface IntakeOptions {
  ledger: Ledger
  gateway: Pick<TelegramGateway, 'roadFor'>
  transfers: Transfers
  room: Room
  /** Largest file, in bytes, that the operator allows; Telegram may take less. */
  maxFileBytes: number
  now: () => number
  log: Log
}

/** What a caller says about the file of an upload; its owner is found out by the token. */
export type FileDescription = Omit<UploadDescription, 'owner'>

export interface ChunkAnswer {
  upload: Upload
  index: number
  receivedChunks: number
}

/** How files come in. Every call is for whoever holds the upload's lock. */
export interface Intake {
  /**
   * The upload with this id, opened now if there is none. Throws UPLOAD_NOT_FOUND (another user's),
   * UPLOAD_DIFFERS, EMPTY_FILE, FILE_TOO_LARGE, SPOOL_FULL, SPOOL_FAILED. A session reserves its
   * whole size, so that one that was opened is not refused room later; `presentBytes` of it are
   * on the disk already.
   */
  open: (
    file: FileDescription,
    granted: Credentials,
    token: string,
    presentBytes?: number,
  ) => Promise<Upload>
  /** Files a chunk under its upload; `received` is claimed only when it is new. */
  take: (upload: Upload, index: number, received: ReceivedChunk) => Promise<ChunkAnswer>
}

export function createIntake(options: IntakeOptions): Intake {
  const { ledger, gateway, transfers, room, now, log } = options

  function assertTakes(granted: Credentials, size: number): void {
    const { maxFileBytes } = options
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

  return {
    open: async (file, granted, token, presentBytes = 0) => {
      const owner = granted.userId
      const known = ledger.findUpload(file.id)
      if (known) {
        if (known.owner !== owner) throw uploadNotFound()
        assertSameFile(known, { size: file.size, totalChunks: file.totalChunks })
        ledger.saveUploadToken(known.id, token)
        return known
      }
      const upload = openUpload({ ...file, owner }, now())
      assertTakes(granted, upload.size)
      const assertRoom = await room.look()
      assertRoom(upload.size, presentBytes)
      ledger.insertUpload(upload, token)
      log.info({ uploadId: upload.id, size: upload.size }, 'Upload session initialized')
      return upload
    },
    take: async (upload, index, received) => {
      const chunkSize = chunkSizeWith(upload, index, received.size)
      const chunks = ledger.chunks(upload.id)
      const known = chunks.find((chunk) => chunk.index === index)
      if (known) {
        assertSameChunk(known, received.size, received.digest)
        ledger.touchUpload(upload.id, now())
        return { upload, index, receivedChunks: chunks.length }
      }
      if (upload.state !== 'receiving') throw closed(upload)
      const record = { index, size: received.size, digest: received.digest }
      await received.claim(upload.id, index)
      ledger.insertChunk(upload.id, record, chunkSize, now())
      const touched = { ...upload, chunkSize }
      transfers.chunkArrived(touched, index)
      return { upload: touched, index, receivedChunks: chunks.length + 1 }
    },
  }
}

/** What nothing but a new upload can repair; deployed clients show it to their users. */
export const START_OVER = 'Cancel it and add the file again'

export function uploadNotFound(): AppError {
  return new AppError('UPLOAD_NOT_FOUND', 'Upload session not found', {
    details: { hint: START_OVER },
  })
}

function closed(upload: Upload): AppError {
  const error = upload.state === 'failed' ? `Upload failed: ${upload.reason}` : 'Upload is complete'
  return new AppError('UPLOAD_CLOSED', `${error}. ${START_OVER}`, { details: { hint: START_OVER } })
}
