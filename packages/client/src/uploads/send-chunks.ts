import { type Caller, readAnswer } from '../call.ts'
import { TeleStoreError } from '../error.ts'
import { withRetries } from '../retry.ts'
import { digestOf } from './digest.ts'
import type { PauseGate } from './pause-gate.ts'
import type { Transport } from './transport.ts'
import type { UploadSource } from './upload-api.ts'
import type { UploadState } from './upload-state.ts'

/** What every chunk tells the worker about its file. */
export interface FileDescription {
  fileName: string
  mimeType: string | null
  /** Epoch milliseconds; null where the source has none that the worker takes. */
  modifiedAt: number | null
  folder: string | null
  onConflict: string | null
  size: number
  chunkSize: number
  totalChunks: number
}

export interface SendOptions {
  caller: Caller
  transport: Transport
  source: UploadSource
  file: FileDescription
  gate: PauseGate
  state: UploadState
  attempts: number
  parallel: number
}

/** The timeout of the first try. Each further try gets twice the time, because the connection may only be slow. */
const FIRST_TIMEOUT_MS = 120_000
const MAX_TIMEOUT_MS = 30 * 60_000
/** The worker lets the answer to a chunk wait that is far ahead of what Telegram has. */
const HELD_MS = 5 * 60_000

/** Sends these chunks, several at once. When one fails, the others are stopped. */
export async function sendChunks(
  options: SendOptions,
  { uploadId, indices, signal }: { uploadId: string; indices: number[]; signal: AbortSignal },
): Promise<void> {
  const queue = [...indices]
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])

  async function sendNext(): Promise<void> {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      await sendChunk(options, { uploadId, index, signal: either })
    }
  }

  const senders = Array.from({ length: Math.min(options.parallel, queue.length) }, sendNext)
  try {
    await Promise.all(senders)
  } catch (error) {
    stop.abort(error)
    throw error
  } finally {
    await Promise.allSettled(senders)
  }
}

interface ChunkRequest {
  uploadId: string
  index: number
  signal: AbortSignal
}

async function sendChunk(options: SendOptions, request: ChunkRequest): Promise<void> {
  const { gate, state, attempts } = options
  const { index, signal } = request
  const onWait = state.wait.bind(null, `chunk ${index}`)
  try {
    await withRetries(
      (attempt) =>
        gate.run((running) => postChunk(options, { ...request, signal: running }, attempt), signal),
      { attempts, signal, onWait },
    )
    state.chunkStored(index)
  } finally {
    state.wait(`chunk ${index}`, null)
  }
}

async function postChunk(
  { caller, transport, source, file, state }: SendOptions,
  { uploadId, index, signal }: ChunkRequest,
  attempt: number,
): Promise<void> {
  const blob = await readChunk(source, file, index)
  const digest = await digestOf(blob)
  const fields = {
    // First, so that the worker checks the token before it takes the bytes.
    authToken: await caller.token(),
    uploadId,
    chunkIndex: index,
    totalChunks: file.totalChunks,
    fileName: file.fileName,
    fileSize: file.size,
    ...(file.mimeType !== null && { mimeType: file.mimeType }),
    ...(file.modifiedAt !== null && { modifiedAt: file.modifiedAt }),
    ...(file.folder !== null && { folder: file.folder }),
    ...(file.onConflict !== null && { onConflict: file.onConflict }),
    ...(digest !== null && { chunkDigest: digest }),
  }
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value))
  form.append('chunk', blob, 'blob')
  signal.throwIfAborted()
  state.chunkMoved(index, 0)
  try {
    const answer = await transport({
      address: caller.address('/upload-chunk'),
      form,
      signal,
      onSent: (bytes) => state.chunkMoved(index, bytes),
      timeoutMs: Math.min(MAX_TIMEOUT_MS, FIRST_TIMEOUT_MS * 2 ** (attempt - 1)),
      heldMs: HELD_MS,
    })
    readAnswer(answer)
  } catch (error) {
    state.chunkMoved(index, null)
    throw error
  }
}

/** Reads the chunk into memory once, so that the digest is of the same bytes that are sent. */
export async function readChunk(
  source: UploadSource,
  { size, chunkSize }: FileDescription,
  index: number,
): Promise<Blob> {
  const start = index * chunkSize
  const end = Math.min(size, start + chunkSize)
  try {
    const bytes = await (await source.slice(start, end)).arrayBuffer()
    if (bytes.byteLength !== end - start) throw new Error('the file is shorter than it was')
    return new Blob([bytes], { type: 'application/octet-stream' })
  } catch (cause) {
    if (cause instanceof TeleStoreError) throw cause
    const sentence = 'The file has changed or can no longer be read. Choose it again'
    throw new TeleStoreError('FILE_CHANGED', sentence, { cause })
  }
}
