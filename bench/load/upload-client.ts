import { randomBytes } from 'node:crypto'
import { type Agent, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import type { Manner } from './clients.ts'
import type { Tally } from './tally.ts'

export interface UploadTask {
  url: string
  token: string
  agent: Agent
  manner: Manner
  tally: Tally
  until: number
  bytesPerSecond: number
}

const CHUNK_BYTES = 5 * MiB
const SLICE_BYTES = 128 * 1024
/** A phone at the edge of its network. */
const SLOW_BYTES_PER_SECOND = 60 * 1024
const BLOCK = randomBytes(CHUNK_BYTES)

/** One file, chunk by chunk at the client's pace, to its end in Telegram or to where it gives up. */
export async function upload(task: UploadTask, index: number): Promise<void> {
  const { manner, tally, until } = task
  const uploadId = `${Date.now()}_${randomBytes(6).toString('hex').slice(0, 9)}`
  // 6 to 30 MB, and 1 MB for those who would need minutes for more.
  const fileSize = manner === 'slow' ? MiB : (6 + ((index * 7) % 25)) * MiB + index
  const totalChunks = Math.ceil(fileSize / CHUNK_BYTES)
  const leavesIn = manner === 'leaves' ? Math.floor(totalChunks / 2) : Number.POSITIVE_INFINITY
  for (let chunk = 0; chunk < totalChunks; ) {
    if (Date.now() > until) return
    const size = Math.min(CHUNK_BYTES, fileSize - chunk * CHUNK_BYTES)
    const fields = { uploadId, chunkIndex: chunk, totalChunks, fileName: 'load.bin', fileSize }
    const answer = await sendChunk(task, { fields, size, leave: chunk === leavesIn })
    if (answer === 'left') return tally.abandoned()
    if (answer.status === 200) {
      tally.chunk(size)
      chunk++
      continue
    }
    if (answer.retryAfter === null) throw new Error(`chunk: ${answer.status} ${answer.body}`)
    tally.refused(answer.status)
    await wait(answer.retryAfter * 1000 * (0.5 + Math.random()))
  }
  await completed(task, uploadId)
}

interface Answer {
  status: number
  retryAfter: number | null
  body: string
}

interface Chunk {
  fields: Record<string, string | number>
  size: number
  leave: boolean
}

/** The form as browsers send it: the file first. */
async function sendChunk(task: UploadTask, chunk: Chunk): Promise<Answer | 'left'> {
  const boundary = `load${randomBytes(12).toString('hex')}`
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\nContent-Type: application/octet-stream\r\n\r\n`
  const fields = Object.entries({ ...chunk.fields, authToken: task.token })
    .map(
      ([name, value]) =>
        `\r\n--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}`,
    )
    .join('')
  const tail = `${fields}\r\n--${boundary}--\r\n`
  const call = request(`${task.url}/upload-chunk`, {
    method: 'POST',
    agent: task.agent,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + chunk.size + tail.length,
    },
  })
  const answered = answerOf(call)
  // Looked at below; until then a refusal must not count as unhandled.
  answered.catch(() => {})
  call.write(head)
  const rate = task.manner === 'slow' ? SLOW_BYTES_PER_SECOND : task.bytesPerSecond
  const startedAt = Date.now()
  for (let sent = 0; sent < chunk.size; ) {
    if (chunk.leave && sent > chunk.size / 2) {
      call.destroy()
      return 'left'
    }
    const slice = BLOCK.subarray(sent, Math.min(chunk.size, sent + SLICE_BYTES))
    const drained = call.write(slice) || new Promise((resolve) => call.once('drain', resolve))
    sent += slice.length
    const early = await Promise.race([drained, answered])
    if (typeof early === 'object' && early !== null && 'status' in early) break
    await wait(Math.max(0, startedAt + (sent / rate) * 1000 - Date.now()))
  }
  if (!call.destroyed) call.end(tail)
  return answered
}

function answerOf(call: ReturnType<typeof request>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    call.once('error', reject)
    call.once('response', (response) => {
      const pieces: Buffer[] = []
      response.on('data', (bytes: Buffer) => pieces.push(bytes))
      response.once('error', reject)
      response.once('end', () => {
        const after = response.headers['retry-after']
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: after === undefined ? null : Number(after),
          body: Buffer.concat(pieces).toString().slice(0, 200),
        })
      })
    })
  })
}

async function completed({ url, until, tally }: UploadTask, uploadId: string): Promise<void> {
  const response = await fetch(`${url}/complete-upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uploadId }),
  })
  if (!response.ok) throw new Error(`complete: ${response.status} ${await response.text()}`)
  await response.arrayBuffer()
  while (Date.now() < until) {
    const answer = await fetch(`${url}/upload-progress/${uploadId}`)
    const { status, error } = (await answer.json()) as { status: string; error: string | null }
    if (status === 'completed') return tally.completed('upload')
    if (status === 'failed') throw new Error(String(error))
    await wait(1000)
  }
}
