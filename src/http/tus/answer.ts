import type { Readable } from 'node:stream'
import type { DataStore, Upload } from '@tus/server'
import { type ByteSource, isJoined, type StreamState } from '../../core/model/stream.ts'
import { uploadNotFound } from '../../core/uploads/intake-refusals.ts'
import type { StreamService } from '../../core/uploads/stream-service.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { AppError } from '../../errors.ts'
import type { PreemptibleLock } from '../../lib/concurrency/preemptible-lock.ts'
import { checked } from './checksum.ts'
import { describeFile, loadLibrary, TUS_PATH, type TusLibrary } from './protocol.ts'

export interface TusAnswersOptions {
  streams: StreamService
  uploads: Pick<UploadService, 'cancel' | 'discard'>
  uploadLock: PreemptibleLock
}

export interface TusCall {
  readonly method: 'POST' | 'HEAD' | 'PATCH' | 'DELETE'
  /** Of a POST: the id of the upload that it makes. */
  readonly uploadId: string
  readonly token: string
  readonly partial: boolean
  /** The protocol's own headers by their lower-case names, and the length of the body. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ByteSource
  /** Aborts when the client has left. */
  readonly signal: AbortSignal
}

export interface TusAnswer {
  readonly status: number
  readonly headers: Headers
  /** The upload afterwards; null if it was deleted. */
  readonly state: StreamState | null
}

/**
 * Answers calls of the tus protocol with @tus/server, which checks their order and their headers.
 * The library never gets the body: its four streams would lose the last bytes before a connection
 * breaks, and the protocol is there to keep those. Rejects with AppErrors, or ClientLeft.
 */
export function createTusAnswers(
  options: TusAnswersOptions,
): (call: TusCall) => Promise<TusAnswer> {
  return async (call) => {
    const library = await loadLibrary()
    const store = createStore(call, options, library)
    const server = new library.Server({
      path: TUS_PATH,
      datastore: store.datastore,
      namingFunction: () => call.uploadId,
      locker: { newLock: (id) => createLock(id, call, options.uploadLock) },
      onResponseError: (_request, error) => {
        throw toRefusal(error, store.state)
      },
    })
    const path = call.method === 'POST' ? TUS_PATH : `${TUS_PATH}/${call.uploadId}`
    const { method, headers } = call
    const response = await server.handleWeb(
      new Request(`http://worker${path}`, { method, headers }),
    )
    if (response.status >= 400) throw malformed(await response.text())
    return { status: response.status, headers: response.headers, state: store.state }
  }
}

interface CallStore {
  readonly datastore: DataStore
  /** The upload as of this call's last access. */
  readonly state: StreamState | null
}

/** A store for one call, so that the library sees neither its token nor its bytes. */
function createStore(
  call: TusCall,
  { streams, uploads }: TusAnswersOptions,
  library: TusLibrary,
): CallStore {
  let state: StreamState | null = null

  async function find(id: string): Promise<Upload> {
    state = await streams.find(id, call.token)
    if (call.method === 'PATCH' && isJoined(state.stream)) {
      throw new AppError('FORBIDDEN', 'An upload that was joined from others takes no bytes')
    }
    return new library.Upload({ id, size: state.upload.size, offset: state.offset })
  }

  async function create(file: Upload): Promise<Upload> {
    if (file.size === undefined) throw malformed('Upload-Length is missing')
    const metadata = call.headers['upload-metadata'] ?? null
    const concat = call.partial ? 'partial' : null
    const described = { id: file.id, size: file.size, ...describeFile(file.metadata) }
    const upload = await streams.open({ ...described, metadata, concat }, call.token)
    state = { upload, stream: { uploadId: upload.id, metadata, concat }, offset: 0 }
    return file
  }

  async function write(empty: Readable, id: string, offset: number): Promise<number> {
    empty.resume()
    const { source, confirm } = checked(call.body, call.headers['upload-checksum'])
    state = await streams.append(id, offset, source, confirm)
    return state.offset
  }

  async function remove(id: string): Promise<void> {
    await find(id)
    const { status } = await uploads.cancel(id, call.token)
    // In the protocol a deleted upload is gone, even if its file is in Telegram.
    if (status === 'completed') await uploads.discard(id)
    state = null
  }

  return {
    datastore: Object.assign(new library.DataStore(), { create, write, remove, getUpload: find }),
    get state() {
      return state
    },
  }
}

function createLock(id: string, call: TusCall, uploadLock: PreemptibleLock) {
  let release: (() => void) | null = null
  return {
    lock: async () => {
      release = await uploadLock.acquire(id, call.body.requestUnlock, call.signal)
      if (release !== null) return
      const sentence = 'Another request works on this upload'
      throw new AppError('UPLOAD_LOCKED', sentence, { retryAfter: 1 })
    },
    unlock: async () => release?.(),
  }
}

/** The library throws objects with a status; errors of the store pass through it. */
function toRefusal(
  error: Error | { status_code: number; body: string },
  state: StreamState | null,
) {
  if (error instanceof Error) return error
  switch (error.status_code) {
    case 404:
      return uploadNotFound()
    case 409:
      return new AppError('OFFSET_CONFLICT', 'Upload-Offset is not where the upload is', {
        details: { offset: state?.offset },
      })
    case 413:
      return new AppError('PAYLOAD_TOO_LARGE', 'There are more bytes than Upload-Length said')
    default:
      return malformed(error.body)
  }
}

function malformed(sentence: string): AppError {
  return new AppError('INVALID_REQUEST', sentence.trim())
}
