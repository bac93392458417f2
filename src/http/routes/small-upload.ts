import type { FastifyPluginAsync } from 'fastify'
import { z } from 'zod'
import { uploadCancelled } from '../../core/model/cancellation.ts'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import { assertThumbnail, MAX_THUMBNAIL_BYTES } from '../../core/model/thumbnail.ts'
import { emptyFile, wholeUploadId } from '../../core/model/upload.ts'
import type { Upload } from '../../core/ports/records.ts'
import type { ReceivedChunk } from '../../core/ports/spool.ts'
import type { Progress } from '../../core/progress/progress-board.ts'
import type { WaitingRequest } from '../../core/uploads/held-chunks.ts'
import type { FileDescription } from '../../core/uploads/upload-intake.ts'
import { AppError } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'
import { readForm } from '../bodies/form/form.ts'
import { newUploadId } from '../bodies/new-upload.ts'
import { fileName, folderOf, parseWire } from '../bodies/validation.ts'
import { addressOf } from '../guards/address.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { SmallUploadFields, smallUpload } from '../schemas/small-upload.ts'
import { receiver, type UploadRoutesOptions } from './uploads.ts'

/** The most bytes of one request: the Bot API's own limit. */
const MAX_BYTES = 50 * MiB

const FileNameField = z.object({ fileName })
const FIELD_NAMES = Object.keys({ ...SmallUploadFields.shape, ...FileNameField.shape })

/** A whole small file in one request, answered once it is in Telegram. */
export const smallUploadRoutes: FastifyPluginAsync<UploadRoutesOptions> = async (app, options) => {
  const { uploads } = options

  /** If it fails, the upload is discarded: no other caller knows its id, so it cannot go on. */
  async function takeWhole(
    file: Omit<FileDescription, 'totalChunks'>,
    received: ReceivedChunk,
    request: WaitingRequest & { token: string },
  ): Promise<Upload> {
    try {
      const { upload } = await uploads.takeChunk({ ...file, totalChunks: 1 }, 0, received, request)
      await uploads.complete(file.id, null)
      return upload
    } catch (error) {
      await uploads.discard(file.id).catch(() => {})
      throw error
    }
  }

  app.post(
    '/upload',
    {
      schema: smallUpload,
      config: { takesForm: true, isHeavy: true, presents: { token: 'form' } },
    },
    async (request, reply) => {
      const announced = Number(request.headers['content-length'] ?? 0)
      await uploads.assertCapacity(Math.min(announced, MAX_BYTES))
      const { receive, claimed, signal } = receiver(
        { ...options, maxChunkBytes: MAX_BYTES, wholeFiles: true },
        request,
        reply,
      )
      const { fields, file, small } = await readForm(request, {
        fileField: 'file',
        smallFile: { field: 'thumbnail', maxBytes: MAX_THUMBNAIL_BYTES },
        fieldNames: FIELD_NAMES,
        maxFileBytes: MAX_BYTES,
        receive: (bytes, fields) => receive(bytes, fields).catch(asFileTooLarge),
      })
      const { received } = file
      try {
        const named = { fileName: fields.fileName || file.fileName || 'file' }
        const { fileName: name } = parseWire(FileNameField, named)
        const {
          modifiedAt = null,
          onConflict = null,
          ...where
        } = parseWire(SmallUploadFields, fields)
        const placing = { fileName: name, folder: folderOf(where), onConflict }
        const token = requireToken(request)
        await options.throttle.assertNotThrottled(request)
        const uploadId = wholeUploadId(newUploadId())
        const { size } = received
        // An empty one is what a form without a picture sends.
        const thumbnail = small?.length ? small : null
        if (thumbnail) assertThumbnail(thumbnail)
        if (size === 0) throw emptyFile('file')
        const mimeType = mimeTypeOf(file.mimeType, name)
        await uploads.assertReachable(token, size)
        const described = { id: uploadId, ...placing, mimeType, size, modifiedAt, thumbnail }
        const sender = addressOf(request)
        const waiting = { token, sender, signal, onHeld: claimed }
        const { fileName } = await takeWhole(described, received, waiting)
        options.unclaimed.trust(sender)
        const end = await uploads.finished(uploadId, signal)
        if (end.phase === 'cancelled') throw uploadCancelled()
        if (end.status === 'failed') throw failed(end)
        const { messageId, fileId, sha256 } = end
        return { success: true, messageId, fileId, fileName, uploadId, size, sha256 }
      } finally {
        await received.discard()
      }
    },
  )
}

/** A message for a sender of a whole file, which knows no chunks. */
function asFileTooLarge(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'CHUNK_TOO_LARGE') throw error
  throw new AppError('FILE_TOO_LARGE', 'One request takes 50 MB; send a larger file in chunks', {
    details: { maxFileSize: MAX_BYTES },
    cause: error,
  })
}

function failed({ error, reason, uploadId, retryAfter }: Progress): AppError {
  if (retryAfter !== null) {
    return new AppError('TELEGRAM_FLOOD_WAIT', error ?? 'Upload failed', {
      retryAfter,
      details: { reason, uploadId },
    })
  }
  return new AppError('TELEGRAM_REJECTED', error ?? 'Upload failed', {
    details: { reason, uploadId },
  })
}
