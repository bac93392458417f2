import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'

/** A web client as the benches need it: chunks of 5 MB, some at once, perhaps at a fixed rate. */

export interface WorkerAddress {
  url: string
  token: string
}

export interface FileToSend {
  megabytes: number
  /** 5 MB that the file repeats. */
  block: Uint8Array
  /** Chunks on their way at once. */
  parallel?: number
  /** Bytes per second of the client's line; no limit when absent. */
  bytesPerSecond?: number
  /** For files whose size is no whole number of MB. */
  extraBytes?: number
}

const CHUNK_BYTES = 5 * MiB

/** Sends all chunks; resolves with the uploadId when the last one is acknowledged. */
export async function sendFile(worker: WorkerAddress, file: FileToSend): Promise<string> {
  const uploadId = `${Date.now()}_${randomBytes(5).toString('hex').slice(0, 9)}`
  const fileSize = file.megabytes * MiB + (file.extraBytes ?? 0)
  const totalChunks = Math.ceil(fileSize / CHUNK_BYTES)
  const startedAt = Date.now()
  let next = 0
  async function sendSome(): Promise<void> {
    for (let index = next++; index < totalChunks; index = next++) {
      const length = Math.min(CHUNK_BYTES, fileSize - index * CHUNK_BYTES)
      if (file.bytesPerSecond !== undefined) {
        const dueAt = startedAt + ((index * CHUNK_BYTES + length) / file.bytesPerSecond) * 1000
        await wait(Math.max(0, dueAt - Date.now()))
      }
      await sendChunk(worker, {
        uploadId,
        index,
        totalChunks,
        fileSize,
        bytes: file.block.subarray(0, length),
      })
    }
  }
  await Promise.all(Array.from({ length: file.parallel ?? 1 }, sendSome))
  return uploadId
}

interface Chunk {
  uploadId: string
  index: number
  totalChunks: number
  fileSize: number
  bytes: Uint8Array
}

async function sendChunk({ url, token }: WorkerAddress, chunk: Chunk): Promise<void> {
  const form = new FormData()
  form.append(
    'chunk',
    new Blob([new Uint8Array(chunk.bytes)], { type: 'application/octet-stream' }),
  )
  form.append('uploadId', chunk.uploadId)
  form.append('chunkIndex', String(chunk.index))
  form.append('totalChunks', String(chunk.totalChunks))
  form.append('fileName', 'bench.bin')
  form.append('fileSize', String(chunk.fileSize))
  form.append('authToken', token)
  const response = await fetch(`${url}/upload-chunk`, { method: 'POST', body: form })
  if (!response.ok)
    throw new Error(`chunk ${chunk.index}: ${response.status} ${await response.text()}`)
  await response.arrayBuffer()
}

/** Completes the upload and waits for its end; resolves with the message's id. */
export async function completed(worker: WorkerAddress, uploadId: string): Promise<number> {
  return (await completedFile(worker, uploadId)).messageId
}

export interface PostedFile {
  messageId: number
  /** By it a bot alone reads the file. */
  fileId: string
}

/** The same with the file's id. */
export async function completedFile({ url }: WorkerAddress, uploadId: string): Promise<PostedFile> {
  const response = await fetch(`${url}/complete-upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uploadId }),
  })
  if (!response.ok) throw new Error(`complete: ${response.status} ${await response.text()}`)
  for (;;) {
    const progress = await (await fetch(`${url}/upload-progress/${uploadId}`)).json()
    const { status, messageId, fileId, error } = progress as PostedFile & {
      status: string
      error: string
    }
    if (status === 'completed') return { messageId, fileId }
    if (status === 'failed') throw new Error(error)
    await wait(20)
  }
}
