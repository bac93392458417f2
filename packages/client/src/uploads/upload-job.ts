import type { Caller } from '../call.ts'
import {
  cancelledUpload,
  isCancelledUpload,
  isUnknownUpload,
  shouldStartOver,
  TeleStoreError,
} from '../error.ts'
import type { Follower } from '../follow.ts'
import { badAnswer, toStatus } from '../wire.ts'
import { findPresent } from './find-present.ts'
import { createPauseGate } from './pause-gate.ts'
import { type ResumeEntry, resumeEntryOf, resumeKey } from './resume-store.ts'
import { runUpload, type UploadContext } from './run-upload.ts'
import type { FileDescription } from './send-chunks.ts'
import { readOnce } from './thumbnail.ts'
import type { Transport } from './transport.ts'
import type {
  ResumeStore,
  TransferProgress,
  UploadJob,
  UploadOptions,
  UploadResult,
  UploadSource,
} from './upload-api.ts'
import { createUploadState } from './upload-state.ts'

export interface UploadDependencies {
  caller: Caller
  follower: Follower
  transport: Transport
  /** The resume store of uploads whose options name none. */
  defaultStore: ResumeStore | null
}

const CHUNK_BYTES = 5 * 1024 * 1024
/** Chunks of a file that the worker takes; those of a larger file grow, in steps. */
const MAX_CHUNKS = 16_384
const CHUNK_STEP_BYTES = 512 * 1024
const MAX_RESTARTS = 2
/** Epoch ms: captions have room for years of four digits. */
const YEAR_10000 = 253_402_300_800_000

/** Starts the upload at once. */
export function createUploadJob(
  dependencies: UploadDependencies,
  source: UploadSource,
  options: UploadOptions,
): UploadJob {
  const { attempts = 10, parallel = 3 } = options
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const gate = createPauseGate()
  const file = describeFile(source, options)
  const state = createUploadState({
    uploadId: options.uploadId ?? newUploadId(),
    fileName: file.fileName,
    totalBytes: file.size,
    chunkBytes: (index) => Math.min(file.chunkSize, file.size - index * file.chunkSize),
    onProgress: guarded(options.onProgress),
  })
  const entry = resumeEntryOf(
    options.resumeStore === undefined ? dependencies.defaultStore : options.resumeStore,
    resumeKey(dependencies.caller.address('/'), source, file),
  )
  const thumbnail = readOnce(options.thumbnail)
  const context = { ...dependencies, source, file, thumbnail, gate, state, attempts, parallel }
  const done = runWithRestarts(context, { entry, wanted: options.uploadId ?? null, signal }).then(
    (result) => {
      state.enter('completed')
      return result
    },
    (error: unknown) => {
      const failure = error instanceof Error ? error : new Error(String(error))
      state.enter(signal.aborted ? 'cancelled' : 'failed', failure)
      throw error
    },
  )
  // `onProgress` reports a failure as well, so an unhandled rejection of `done` must not end the process.
  done.catch(() => {})

  return {
    get uploadId() {
      return state.progress.uploadId
    },
    get progress() {
      return state.progress
    },
    done,
    pause: () => {
      gate.pause()
      state.pause(true)
    },
    resume: () => {
      state.pause(false)
      gate.resume()
    },
    cancel: async () => {
      const cancelled = new TeleStoreError('CANCELLED', 'The upload was cancelled')
      stop.abort(cancelled)
      // If it has ended otherwise, there is nothing to cancel.
      const end = await done.catch((error: unknown) => error)
      if (end !== cancelled) return
      const { uploadId } = state.progress
      await entry.remove(uploadId)
      await cancelUpload(dependencies.caller, uploadId)
    },
  }
}

interface Run {
  entry: ResumeEntry
  /** The upload to resume, if the caller names one. */
  wanted: string | null
  signal: AbortSignal
}

async function runWithRestarts(
  context: UploadContext,
  { entry, wanted, signal }: Run,
): Promise<UploadResult> {
  const { state, file } = context
  signal.throwIfAborted()
  assertUsable(file)
  const known = wanted ?? (await entry.read())
  let present = known === null ? null : await findPresent(context, known, signal)
  if (present && known !== null) state.begin(known, present)
  for (let restarts = 0; ; restarts++) {
    if (!present) state.begin(newUploadId(), [])
    const { uploadId } = state.progress
    await entry.write(uploadId)
    try {
      const end = await runUpload(context, { uploadId, present, signal })
      if (end.phase === 'cancelled') throw cancelledUpload()
      await entry.remove(uploadId)
      const result = toResult(end, file)
      return { ...result, fileName: await storedName(context, uploadId) }
    } catch (error) {
      signal.throwIfAborted()
      // A cancelled upload is not restarted. When the file is added again it gets a new id.
      if (isCancelledUpload(error)) {
        await entry.remove(uploadId)
        throw cancelledUpload(error)
      }
      if (restarts >= MAX_RESTARTS || !shouldStartOver(error, present !== null)) throw error
      present = null
    }
  }
}

/** Cancels the upload at the worker. An upload that the worker does not know counts as cancelled. */
export async function cancelUpload(
  caller: Caller,
  uploadId: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await caller.json('/cancel-upload', { method: 'POST', body: { uploadId }, signal })
  } catch (error) {
    if (!isUnknownUpload(error)) throw error
  }
}

function describeFile(source: UploadSource, options: UploadOptions): FileDescription {
  const { size } = source
  const chunkSize = chunkSizeFor(size, options.chunkSize ?? CHUNK_BYTES)
  return {
    fileName: options.fileName ?? source.name ?? '',
    mimeType: options.mimeType || source.type || null,
    modifiedAt: usableTime(source.lastModified),
    folder: options.folder ?? null,
    onConflict: options.onConflict ?? null,
    size,
    chunkSize,
    totalChunks: Math.max(1, Math.ceil(size / chunkSize)),
  }
}

/** The wanted size, or what it takes for the file to be no more chunks than the worker takes. */
function chunkSizeFor(size: number, wanted: number): number {
  if (!(wanted >= 1) || Math.ceil(size / wanted) <= MAX_CHUNKS) return wanted
  return Math.ceil(size / MAX_CHUNKS / CHUNK_STEP_BYTES) * CHUNK_STEP_BYTES
}

/** What a disk says of a file may be any number: a wrong clock must not keep a file from the worker. */
function usableTime(lastModified: number | undefined): number | null {
  const time = Math.round(lastModified ?? Number.NaN)
  return time >= 0 && time < YEAR_10000 ? time : null
}

function assertUsable({ fileName, size, chunkSize }: FileDescription): void {
  if (fileName === '') throw new TypeError('fileName: is missing, and the source has no name')
  if (!Number.isSafeInteger(chunkSize) || chunkSize < 1) {
    throw new TypeError('chunkSize: expected a whole number above 0')
  }
  if (size === 0) throw new TeleStoreError('EMPTY_FILE', 'The file is empty: Telegram takes none')
}

/** A file that is in Telegram has not failed because its name cannot be asked for. */
async function storedName({ caller, file }: UploadContext, uploadId: string): Promise<string> {
  if (file.onConflict !== 'keep-both') return file.fileName
  const path = `/upload-status/${encodeURIComponent(uploadId)}`
  return caller.json(path).then(
    (fields) => toStatus(fields).fileName,
    () => file.fileName,
  )
}

function toResult(end: TransferProgress, file: FileDescription): UploadResult {
  const { uploadId, messageId, fileId, sha256 } = end
  if (end.status === 'failed') {
    const sentence = end.error ?? end.reason ?? 'Upload failed'
    throw new TeleStoreError('UPLOAD_FAILED', sentence, { details: { reason: end.reason } })
  }
  if (messageId === null) throw badAnswer()
  return { uploadId, fileName: file.fileName, size: file.size, messageId, fileId, sha256 }
}

/** Rethrows what a listener throws outside of the upload, where it would look like a failed chunk. */
function guarded<T>(listener: ((value: T) => void) | undefined): ((value: T) => void) | undefined {
  if (!listener) return undefined
  return (value) => {
    try {
      listener(value)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

/** Milliseconds first, as in the ids of the deployed web client; the rest is random and cannot be guessed. */
function newUploadId(): string {
  const random = crypto.getRandomValues(new Uint8Array(12))
  return `${Date.now()}_${Array.from(random, (byte) => byte.toString(36).padStart(2, '0')).join('')}`
}
