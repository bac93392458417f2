import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../../src/lib/units.ts'

/** What the deployed web client and others like it do, written from the contract alone. */

export interface Sent {
  uploadId: string
  fileName: string
  bytes: Buffer
}

export interface SendOptions {
  token: string
  chunkSize?: number
  uploadId?: string
  /** The web client puts the file part first; others put it last. */
  filePart?: 'first' | 'last'
  /** Chunks on their way at once. */
  parallel?: number
  /** The order chunks are sent in; ascending when absent. */
  order?: number[]
}

export function newUploadId(): string {
  return `${Date.now()}_${randomBytes(8).toString('hex').slice(0, 9)}`
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export interface ChunkForm {
  uploadId: string
  chunkIndex: number | string
  totalChunks: number | string
  fileName: string
  fileSize: number | string
  authToken?: string
  /** SHA-256, hex. */
  chunkDigest?: string
  chunk: Uint8Array
}

export function chunkForm(
  { chunk, ...fields }: ChunkForm,
  filePart: 'first' | 'last' = 'first',
): FormData {
  const form = new FormData()
  const file = new Blob([new Uint8Array(chunk)], { type: 'application/octet-stream' })
  if (filePart === 'first') form.append('chunk', file)
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value))
  if (filePart === 'last') form.append('chunk', file)
  return form
}

export function postChunk(
  url: string,
  form: ChunkForm,
  filePart?: 'first' | 'last',
  signal: AbortSignal | null = null,
): Promise<Response> {
  return fetch(`${url}/upload-chunk`, { method: 'POST', body: chunkForm(form, filePart), signal })
}

export function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

/** Sends all chunks of a file; throws on the first refusal. Does not complete. */
export async function sendChunks(
  url: string,
  fileName: string,
  bytes: Buffer,
  options: SendOptions,
): Promise<Sent> {
  const { token, chunkSize = 5 * MiB, parallel = 1, uploadId = newUploadId() } = options
  const totalChunks = Math.max(1, Math.ceil(bytes.length / chunkSize))
  const order = options.order ?? Array.from({ length: totalChunks }, (_, index) => index)
  const queue = [...order]
  async function sendNext(): Promise<void> {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize)
      const fileSize = bytes.length
      const form = {
        uploadId,
        chunkIndex: index,
        totalChunks,
        fileName,
        fileSize,
        authToken: token,
        chunk,
      }
      const response = await postChunk(url, form, options.filePart)
      if (!response.ok)
        throw new Error(`chunk ${index}: ${response.status} ${await response.text()}`)
      await response.json()
    }
  }
  await Promise.all(Array.from({ length: parallel }, sendNext))
  return { uploadId, fileName, bytes }
}

export interface ProgressBody {
  uploadId: string
  status: 'uploading' | 'completed' | 'failed'
  progress: number
  error: string | null
  reason: string | null
  messageId: number | null
  fileId: string | null
  phase?: string
  retryAfter?: number | null
}

/** Completes and polls to the end; every poll is returned. */
export async function completeAndPoll(url: string, uploadId: string): Promise<ProgressBody[]> {
  const response = await postJson(`${url}/complete-upload`, { uploadId })
  if (!response.ok) throw new Error(`complete: ${response.status} ${await response.text()}`)
  return pollToEnd(url, uploadId)
}

export async function pollToEnd(url: string, uploadId: string): Promise<ProgressBody[]> {
  const polls: ProgressBody[] = []
  for (;;) {
    const response = await fetch(`${url}/upload-progress/${uploadId}`)
    const poll = (await response.json()) as ProgressBody
    polls.push(poll)
    if (poll.status !== 'uploading') return polls
    await wait(20)
  }
}

/** A whole file there: its end of the progress. */
export async function uploadFile(
  url: string,
  fileName: string,
  bytes: Buffer,
  options: SendOptions,
): Promise<ProgressBody> {
  const { uploadId } = await sendChunks(url, fileName, bytes, options)
  const end = (await completeAndPoll(url, uploadId)).at(-1)
  if (end?.status !== 'completed') throw new Error(`upload failed: ${end?.error}`)
  return end
}

export function downloadUrl(url: string, messageId: number | null, token: string): string {
  return `${url}/download?messageId=${messageId}&token=${encodeURIComponent(token)}`
}
