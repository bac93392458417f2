import {
  type Client,
  cancelledUpload,
  createSpeedMeter,
  isCancelledUpload,
  isUnknownUpload,
  type SpeedMeter,
  TeleStoreError,
  type TransferProgress,
  type UploadJob,
  type UploadProgress,
  type UploadResult,
} from 'telestore-client'
import {
  folderOf,
  isFinished,
  patchMeta,
  type UploadEngine,
  type UploadFile,
} from './upload-file.ts'
import { createUploadSlots, type SlotRequest } from './upload-slots.ts'

export interface UploaderOptions {
  client: Client
  /** Ends all work without cancelling uploads at the worker, when the user signs out. */
  signal: AbortSignal
  /** Called with every failure before the list shows it. */
  onFailure: (error: unknown) => void
}

/**
 * Browsers open six connections to one address. One chunk of each of three files leaves connections
 * for event streams, for cancelling, and for a video that is being played.
 */
const FILES_AT_ONCE = 3
const CHUNKS_OF_A_SINGLE_FILE = 3
/** Above it a file may go in volumes, and wait until Telegram has caught up with it. */
const LARGE_BYTES = 1024 ** 3

/** Adds an uploader to Uppy: it sends files to the worker, and follows them from there into Telegram. */
export function installUploader(uppy: UploadEngine, options: UploaderOptions): void {
  const { client, signal, onFailure } = options
  const slots = createUploadSlots(FILES_AT_ONCE)
  const jobs = new Map<string, UploadJob>()
  const followed = new Map<string, AbortController>()

  async function send(file: UploadFile): Promise<UploadResult> {
    const { id, meta, data } = file
    if (!(data instanceof Blob)) throw new TeleStoreError('FILE_CHANGED', 'Choose the file again')
    await slots.acquire(slotOf(file))
    const meter = createSpeedMeter()
    const job = client.upload(data, {
      fileName: file.name,
      mimeType: file.type,
      folder: folderOf(file),
      onConflict: meta.onConflict,
      thumbnail: () => thumbnailOf(data, file.type),
      uploadId: meta.uploadId ?? undefined,
      // The page keeps a list of its own for each user.
      resumeStore: null,
      parallel: slots.active + slots.waiting > 1 ? 1 : CHUNKS_OF_A_SINGLE_FILE,
      signal,
      onProgress: (progress) => show(uppy, id, progress, meter),
    })
    jobs.set(id, job)
    try {
      return await job.done
    } finally {
      jobs.delete(id)
      slots.release(id)
    }
  }

  /** Follows a file whose bytes are all at the worker, perhaps since before a reload. */
  async function follow(file: UploadFile, uploadId: string): Promise<UploadResult> {
    const stop = new AbortController()
    followed.set(file.id, stop)
    const meter = createSpeedMeter()
    const end = await client.follow(uploadId, {
      signal: AbortSignal.any([signal, stop.signal]),
      onProgress: (transfer) => show(uppy, file.id, progressOf(file, transfer), meter),
    })
    followed.delete(file.id)
    const { messageId, fileId, sha256, status, reason, phase } = end
    if (phase === 'cancelled') throw cancelledUpload()
    if (status === 'completed' && messageId !== null) {
      return { uploadId, messageId, fileId, sha256, fileName: file.name, size: file.size ?? 0 }
    }
    throw new TeleStoreError('UPLOAD_FAILED', reason ?? 'Telegram did not take the file')
  }

  async function upload(id: string): Promise<void> {
    const file = uppy.getFile(id)
    patchMeta(uppy, id, { failure: null })
    uppy.emit('upload-start', [file])
    const { sealed, uploadId } = file.meta
    try {
      const result = await (sealed && uploadId !== null ? follow(file, uploadId) : send(file))
      uppy.emit('upload-success', uppy.getFile(id), { status: 200, body: { result } })
    } catch (error) {
      // The user has cancelled it or signed out.
      if (signal.aborted || !uppy.getFile(id)) return
      onFailure(error)
      fail(uppy, id, error)
    }
  }

  const { capabilities } = uppy.getState()
  uppy.setState({
    capabilities: { ...capabilities, individualCancellation: true, resumableUploads: true },
  })
  uppy.addUploader(async (ids) => void (await Promise.all(ids.map(upload))))

  // A pause stops bytes from leaving. The worker goes on with the bytes that it has.
  uppy.on('upload-pause', (file, isPaused) => {
    if (!file) return
    const job = jobs.get(file.id)
    if (!job) return slots.setPaused(file.id, isPaused)
    if (isPaused) {
      job.pause()
      return slots.release(file.id)
    }
    slots.acquire({ ...slotOf(file), paused: false }).then(job.resume, () => {})
  })
  uppy.on('file-removed', (file) => {
    slots.release(file.id)
    followed.get(file.id)?.abort()
    if (isFinished(file)) return
    const job = jobs.get(file.id)
    const { uploadId } = file.meta
    // If this request fails, the worker deletes the upload when it expires.
    if (job) job.cancel().catch(() => {})
    else if (uploadId !== null) client.cancel(uploadId).catch(() => {})
  })

  function show(engine: UploadEngine, id: string, progress: UploadProgress, meter: SpeedMeter) {
    if (!engine.getFile(id)) return
    const sealed = isSealed(progress)
    if (sealed) slots.release(id)
    const { telegramPercent, telegramPhase, uploadId, storedBytes } = progress
    if (telegramPhase === 'sending') meter.note((telegramPercent / 100) * progress.totalBytes)
    const telegramSpeed = telegramPhase === 'sending' ? meter.read() : null
    patchMeta(engine, id, { progress, uploadId, sealed, storedBytes, telegramSpeed })
  }
}

/** What draws is loaded with the first file that may have a picture. */
async function thumbnailOf(data: Blob, type: string): Promise<Blob | null> {
  if (!/^(image|video)\//.test(type)) return null
  const { drawThumbnail } = await import('./thumbnail/draw-thumbnail.ts')
  return drawThumbnail(data)
}

function slotOf({ id, size, isPaused }: UploadFile): SlotRequest {
  return { id, paused: isPaused === true, isLarge: (size ?? 0) > LARGE_BYTES }
}

function isSealed({ phase, waiting }: UploadProgress): boolean {
  // The phase is a wait for Telegram only when all bytes are at the worker.
  return (
    phase === 'telegram' ||
    phase === 'completed' ||
    (phase === 'waiting' && waiting?.on === 'telegram')
  )
}

function progressOf(file: UploadFile, transfer: TransferProgress): UploadProgress {
  const { uploadId, retryAfter, phase } = transfer
  const waits = phase === 'waiting' && retryAfter !== null
  const size = file.size ?? 0
  return {
    uploadId,
    fileName: file.name,
    phase: waits ? 'waiting' : 'telegram',
    sentBytes: size,
    storedBytes: size,
    totalBytes: size,
    speed: null,
    secondsLeft: null,
    telegramPercent: transfer.telegramPercent,
    telegramPhase: phase,
    ...(transfer.volume && { volume: transfer.volume }),
    waiting: waits ? { on: 'telegram', seconds: retryAfter } : null,
    text: waits ? `Telegram asks to wait ${retryAfter} s` : 'On its way into Telegram',
    error: null,
  }
}

function fail(uppy: UploadEngine, id: string, cause: unknown): void {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = cause instanceof TeleStoreError ? cause.code : 'UNKNOWN'
  const message = error.message.replace(/^Upload failed: /, '')
  // The worker has ended this upload: the next try sends the file again.
  const isOver =
    code === 'UPLOAD_FAILED' ||
    code === 'UPLOAD_FORGOTTEN' ||
    isUnknownUpload(cause) ||
    isCancelledUpload(cause)
  patchMeta(uppy, id, {
    failure: { code, message },
    telegramSpeed: null,
    ...(isOver && { sealed: false, uploadId: null, storedBytes: 0 }),
  })
  uppy.emit('upload-error', uppy.getFile(id), error)
}
