import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { chunkForm, newUploadId } from './client.ts'

export interface BrowserOptions {
  token: string
  chunkSize: number
  /** Chunks that its page sends at once. */
  parallel: number
  /** Ascending when absent. */
  order?: number[]
  /** How often it tries to send one chunk. */
  tries?: number
  /** The chunk at this index is sent only after that. */
  late?: { index: number; until: () => Promise<unknown> }
}

export interface Browser {
  /** Sends all chunks as the deployed web client does; rejects when it gives up. Does not complete. */
  sendAll: (url: string, bytes: Buffer, options: BrowserOptions) => Promise<string>
  /** By status, how many answers it got. */
  readonly answers: Map<number, number>
}

/** A browser opens so many connections to one address over HTTP/1.1. */
const CONNECTIONS = 6
const TRIES = 3
/** The deployed web client does not look at Retry-After. */
const RETRY_AFTER_MS = 1_000

export function openBrowser(): Browser {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  onTestFinished(() => agent.destroy())
  const answers = new Map<number, number>()

  async function post(address: string, form: FormData): Promise<number> {
    const encoded = new Response(form)
    const body = Buffer.from(await encoded.arrayBuffer())
    const headers = {
      'content-type': encoded.headers.get('content-type') ?? '',
      'content-length': body.length,
    }
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const sent = request(address, { method: 'POST', agent, headers }, (response) => {
        const { statusCode: status = 0 } = response
        text(response).then((read) => resolve({ status, body: read }), reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
    answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1)
    return answer.status
  }

  return {
    answers,
    sendAll: async (url, bytes, { token, chunkSize, parallel, order, tries = TRIES, late }) => {
      const uploadId = newUploadId()
      const totalChunks = Math.ceil(bytes.length / chunkSize)
      const queue = order ?? Array.from({ length: totalChunks }, (_, index) => index)

      async function sendChunk(index: number): Promise<void> {
        if (index === late?.index) await late.until()
        for (let tried = 1; ; tried++) {
          const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize)
          const file = { uploadId, totalChunks, fileName: 'film.mkv', fileSize: bytes.length }
          const form = chunkForm({ ...file, chunkIndex: index, authToken: token, chunk })
          const status = await post(`${url}/upload-chunk`, form).catch(() => 0)
          if (status === 200) return
          if (tried === tries) throw new Error(`chunk ${index}: ${status}`)
          await wait(RETRY_AFTER_MS)
        }
      }
      async function sendNext(): Promise<void> {
        for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
          await sendChunk(index)
        }
      }
      await Promise.all(Array.from({ length: parallel }, sendNext))
      return uploadId
    },
  }
}
