import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { mimeTypeOf } from '../../core/model/mime-type.ts'
import { STREAM_CHUNK_BYTES } from '../../core/model/stream.ts'
import { assertUndamaged } from '../../core/model/upload.ts'
import type { ReceivedChunk, Spool } from '../../core/ports/spool.ts'
import type { HeldChunks } from '../../core/uploads/held-chunks.ts'
import type { Placing } from '../../core/uploads/place-upload.ts'
import type { FileDescription } from '../../core/uploads/upload-intake.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { KiB } from '../../lib/units.ts'
import { type ReadFormOptions, readForm } from '../bodies/form/form.ts'
import {
  ChunkFields,
  type FileFields,
  folderOf,
  InitFields,
  PlacingFields,
  parseWire,
  thumbnailOf,
  UploadIdFields,
} from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { failBody } from '../connections/min-upload-rate.ts'
import { addressOf } from '../guards/address.ts'
import { type CallerToken, requireToken, tokenOf } from '../guards/presented-credentials.ts'
import type { Throttle } from '../guards/throttle.ts'
import { busy, type UnclaimedBudget } from '../guards/unclaimed-budget.ts'
import { UploadIdParams } from '../schemas/progress.ts'
import {
  cancelUpload,
  completeUpload,
  initUpload,
  uploadChunk,
  uploadStatus,
} from '../schemas/uploads.ts'

export interface UploadRoutesOptions {
  uploads: UploadService
  spool: Pick<Spool, 'receive'>
  unclaimed: UnclaimedBudget
  held: Pick<HeldChunks, 'arriving'>
  throttle: Pick<Throttle, 'assertNotThrottled'>
  maxChunkBytes: number
  /** Returns the token of calls that deployed clients make without one. */
  callerToken: CallerToken
}

/** Where these calls carry their credentials. */
const CHUNK_FORM = { token: 'form', uploadId: 'form', opensUpload: true } as const
const IN_JSON = { token: 'json', uploadId: 'json' } as const

/** With a thumbnail in base64, and room for one that is too large, so that the answer says so. */
const MAX_INIT_BYTES = 512 * KiB

/** Answers a cancel that came too late. */
const IN_TELEGRAM = 'The file is in Telegram already'

/** Files in chunks: init, chunk, complete, status, cancel. */
export const uploadRoutes: FastifyPluginAsync<UploadRoutesOptions> = async (app, options) => {
  const { uploads, callerToken } = options

  const opening = { isHeavy: true, presents: { ...IN_JSON, opensUpload: true } }
  const inits = { schema: initUpload, config: opening, bodyLimit: MAX_INIT_BYTES }
  app.post('/init-upload', inits, async (request) => {
    const fields = parseWire(InitFields, request.body)
    const file = { ...toFile(fields), thumbnail: thumbnailOf(fields) }
    const upload = await uploads.open(file, requireToken(request))
    return { success: true, uploadId: upload.id, message: 'Upload session initialized' }
  })

  app.post(
    '/upload-chunk',
    { schema: uploadChunk, config: { takesForm: true, isHeavy: true, presents: CHUNK_FORM } },
    async (request, reply) => {
      const sender = addressOf(request)
      const { receive, claimed, signal } = receiver(options, request, reply)
      const form = await readForm(request, {
        fileField: 'chunk',
        fieldNames: Object.keys(ChunkFields.shape),
        maxFileBytes: options.maxChunkBytes,
        receive,
      })
      try {
        const fields = parseWire(ChunkFields, form.fields)
        const token = requireToken(request)
        await options.throttle.assertNotThrottled(request)
        const { received } = form.file
        assertUndamaged(received.digest, fields.chunkDigest)
        const taken = await uploads.takeChunk(toFile(fields), fields.chunkIndex, received, {
          ...{ token, sender, signal, onHeld: claimed },
        })
        options.unclaimed.trust(sender)
        return {
          success: true,
          chunk_index: taken.index,
          received_chunks: taken.receivedChunks,
          total_chunks: taken.upload.totalChunks,
          complete: taken.receivedChunks === taken.upload.totalChunks,
        }
      } finally {
        await form.file.received.discard()
      }
    },
  )

  const ending = { presents: IN_JSON }
  app.post('/complete-upload', { schema: completeUpload, config: ending }, async (request) => {
    const { uploadId } = parseWire(UploadIdFields, request.body)
    const progress = await uploads.complete(uploadId, callerToken(request))
    const { status, messageId, fileId, error } = progress
    return {
      success: status !== 'failed',
      uploadId,
      message: 'Upload started in background',
      checkProgressAt: `/upload-progress/${uploadId}`,
      ...(status === 'completed' && { status, messageId, fileId }),
      ...(status === 'failed' && { status, error }),
    }
  })

  const asking = { schema: uploadStatus, config: { presents: { uploadId: 'path' } } } as const
  app.get('/upload-status/:uploadId', asking, async (request, reply) => {
    const { uploadId } = parseWire(UploadIdParams, request.params)
    const token = callerToken(request)
    const { upload, receivedIndices, receivedDigests, progress } = await uploads.status(
      uploadId,
      token,
    )
    const { status, error } = progress
    reply.header('cache-control', 'no-store')
    return {
      upload_id: upload.id,
      file_name: upload.fileName,
      file_size: upload.size,
      total_chunks: upload.totalChunks,
      received_chunks: receivedIndices.length,
      received_chunk_indices: receivedIndices,
      // Digests are for the owner; other people may know the id.
      ...(token !== null && { received_chunk_digests: receivedDigests }),
      complete: receivedIndices.length === upload.totalChunks,
      ...(status !== 'uploading' && { status }),
      ...(error !== null && { error }),
    }
  })

  app.post('/cancel-upload', { schema: cancelUpload, config: ending }, async (request) => {
    const { uploadId } = parseWire(UploadIdFields, request.body)
    const end = await uploads.cancel(uploadId, callerToken(request))
    if (end.status !== 'completed') return { success: true, message: 'Upload cancelled' }
    const { status, messageId, fileId } = end
    return { success: true, message: IN_TELEGRAM, status, messageId, fileId }
  })
}

export interface ReceiverOptions extends UploadRoutesOptions {
  /** Each form carries a whole file, which is an upload of its own. */
  wholeFiles?: boolean
}

export interface Receiver {
  receive: ReadFormOptions['receive']
  /** Called when all bytes are here, and count for an upload from now on: no later than its answer. */
  claimed: () => void
  /** Aborts when the client leaves. */
  signal: AbortSignal
}

/**
 * Receives a form's file into the spool. If the token came before the file, it is checked before any
 * byte is written, and the bytes count for the user; otherwise they count as unclaimed. A file that
 * does not fit on the disk is refused before its first byte.
 */
export function receiver(
  { uploads, spool, unclaimed, held, throttle, maxChunkBytes, wholeFiles = false }: ReceiverOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Receiver {
  const releases = [held.arriving(addressOf(request))]
  const claimed = (): void => {
    for (const release of releases.splice(0)) release()
  }
  // When the answer is out, the bytes belong to an upload or are discarded.
  if (reply.raw.closed) claimed()
  else reply.raw.once('close', claimed)
  const signal = clientSignal(reply)
  const announced = request.headers['content-length']
  // The length of the whole body: a little more than the file's.
  const expectedBytes = Math.min(Number(announced ?? 0), maxChunkBytes)
  const receive = (bytes: AsyncIterable<Uint8Array>): Promise<ReceivedChunk> =>
    spool.receive(bytes, { maxBytes: maxChunkBytes, expectedBytes, signal, mayFree: true })
  const incoming = {
    address: addressOf(request),
    bytes: announced === undefined ? maxChunkBytes : expectedBytes,
    signal,
    evict: () => !request.raw.complete && failBody(request.raw, busy()),
  }

  function untilClaimed(release: () => void): void {
    releases.push(release)
    if (reply.raw.closed) claimed()
  }

  async function receiveFile(
    bytes: AsyncIterable<Uint8Array>,
    fields: Record<string, string>,
  ): Promise<ReceivedChunk> {
    const token = tokenOf(request)
    if (token !== null) {
      await throttle.assertNotThrottled(request)
      const { userId: owner } = await uploads.authenticate(token)
      const { uploadId } = fields
      const size = Number(fields.fileSize)
      if (wholeFiles) {
        // A file of unknown length counts as the longest possible.
        await uploads.assertNoLongWait(incoming.bytes, token)
        await uploads.assertPlace(placingOf(fields), token)
      } else if (uploadId && size > 0) {
        const totalChunks = Number(fields.totalChunks) || Math.ceil(size / STREAM_CHUNK_BYTES)
        const index = /^\d{1,6}$/.test(fields.chunkIndex ?? '') ? Number(fields.chunkIndex) : null
        const file = { id: uploadId, size, totalChunks, index, placing: placingOf(fields) }
        untilClaimed(await uploads.expectChunk(file, token))
      }
      untilClaimed(await unclaimed.takeOfUser(owner, incoming))
    } else {
      untilClaimed(await unclaimed.take(incoming))
    }
    return receive(bytes)
  }

  return { receive: receiveFile, claimed, signal }
}

/** What is known of it before the file's bytes; null where it does not matter, or may still come. */
function placingOf(fields: Record<string, string>): Placing | null {
  if (!fields.fileName || !fields.onConflict) return null
  const { fileName, onConflict = null, ...where } = parseWire(PlacingFields, fields)
  return { fileName, folder: folderOf(where), onConflict }
}

function toFile(fields: z.infer<typeof FileFields>): FileDescription {
  return {
    id: fields.uploadId,
    fileName: fields.fileName,
    mimeType: mimeTypeOf(fields.mimeType, fields.fileName),
    size: fields.fileSize,
    modifiedAt: fields.modifiedAt ?? null,
    folder: folderOf(fields),
    onConflict: fields.onConflict ?? null,
    totalChunks: fields.totalChunks,
  }
}
