import { createClient, isCancelledUpload, TeleStoreError } from 'telestore-client'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { chunkForm, newUploadId, sha256 } from '../../helpers/callers/client.ts'
import { idIn, metadataOf, tusHeaders } from '../../helpers/callers/tus.ts'
import { bytesOf, createRandom, type Random } from '../random.ts'
import { type Answer, ask, type Caller, Interrupted, insist, inWords, jsonOf } from './ask.ts'
import type { Span } from './history.ts'
import type { FilePlan } from './plan.ts'

export interface UploadContext extends Caller {
  /** Whether a message of the file is there. */
  isPosted: (file: string) => Promise<boolean>
  /** Called once the id of the upload is known: others may watch it. */
  onOpened: (file: string, uploadId: string) => void
  onCompleted: (file: string, messageId: number, fileId: string) => void
}

type Upload = Ways & { plan: FilePlan; bytes: Buffer; random: Random }
interface Ways {
  /** Throws what the history is to call odd. */
  refuse: (what: string, answer: Answer) => never
}

/** Brings a file to Telegram, or cancels it, as a client would that does not give up. */
export async function upload(context: UploadContext, plan: FilePlan): Promise<void> {
  const { history } = context
  const { file, way, seed } = plan
  const bytes = bytesOf(file, plan.size)
  const random = createRandom(seed)
  const refuse = (what: string, answer: Answer): never => {
    throw new Odd(`${file} (${way}): ${what}: ${inWords(answer)}`)
  }
  const all: Upload = { plan, bytes, random, refuse }
  try {
    if (way === 'whole') await sendWhole(context, all)
    else if (way === 'client') await sendByClient(context, all)
    else {
      const uploadId = await (way === 'chunks' ? sendChunks : sendByTus)(context, all)
      if (uploadId !== null) await waitForEnd(context, all, uploadId)
    }
  } catch (error) {
    if (!(error instanceof Odd)) throw error
    history.add({ kind: 'odd', what: error.message })
  }
}

class Odd extends Error {}

/** `POST /upload` has no memory: a client whose request died can only send the file again. */
async function sendWhole(context: UploadContext, { plan, bytes, refuse }: Upload): Promise<void> {
  const { history, token, onCompleted } = context
  const { file } = plan
  const answer = await insist(() => {
    const form = new FormData()
    form.append('authToken', token)
    form.append('file', new Blob([new Uint8Array(bytes)]), file)
    history.add({ kind: 'sent', file })
    return ask(context, '/upload', { method: 'POST', body: form, ms: 120_000 })
  })
  if (answer.status !== 200) refuse('upload', answer)
  const { messageId, fileId } = answer.body as { messageId: number; fileId: string }
  history.add({ kind: 'completed', file, messageId, sha256: null })
  onCompleted(file, messageId, fileId)
}

async function sendChunks(
  context: UploadContext,
  { plan, bytes, random, refuse }: Upload,
): Promise<string | null> {
  const { history, token, onOpened } = context
  const { file, size, chunkSize, parallel, cancelAfter } = plan
  const uploadId = newUploadId()
  const totalChunks = Math.ceil(size / chunkSize)
  const spanOf = (index: number): Span => [
    index * chunkSize,
    Math.min(size, (index + 1) * chunkSize),
  ]
  const acknowledged = new Set<number>()

  async function missing(): Promise<number[]> {
    const asked = history.entries.length
    const answer = await ask(context, `/upload-status/${uploadId}`)
    // Nothing has opened it yet.
    if (answer.status === 404 && acknowledged.size === 0) return indices(totalChunks)
    if (answer.status !== 200) return refuse('status', answer)
    const { received_chunk_indices: here } = answer.body as { received_chunk_indices: number[] }
    history.add({ kind: 'listed', file, spans: here.map(spanOf), asked })
    return indices(totalChunks).filter((index) => !here.includes(index))
  }
  async function send(index: number): Promise<void> {
    const [from, to] = spanOf(index)
    const form = { uploadId, chunkIndex: index, totalChunks, fileName: file, fileSize: size }
    const chunk = bytes.subarray(from, to)
    const body = chunkForm({ ...form, authToken: token, chunk }, random.pick(['first', 'last']))
    const answer = await ask(context, '/upload-chunk', { method: 'POST', body })
    if (answer.status !== 200) return refuse(`chunk ${index}`, answer)
    acknowledged.add(index)
    history.add({ kind: 'acknowledged', file, span: [from, to] })
    onOpened(file, uploadId)
  }
  async function steps(): Promise<boolean> {
    const queue = random.shuffle(await missing())
    const isEnough = (): boolean => cancelAfter !== null && acknowledged.size >= cancelAfter
    async function sendNext(): Promise<void> {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        if (isEnough()) return
        await send(index)
        // A client that has lost the answer sends it again.
        if (random.chance(0.1)) await send(index)
      }
    }
    const lanes = await Promise.allSettled(Array.from({ length: parallel }, sendNext))
    throwWorst(lanes)
    if (isEnough()) return false
    const answer = await ask(context, '/complete-upload', jsonOf({ uploadId }))
    if (answer.status !== 200) return refuse('complete', answer)
    history.add({ kind: 'sealed', file })
    return true
  }
  if (await insist(steps)) return uploadId
  await cancel(context, plan, uploadId)
  return null
}

async function sendByTus(context: UploadContext, all: Upload): Promise<string | null> {
  const { history, onOpened } = context
  const { plan, bytes, random } = all
  const { file, cancelAfter } = plan
  const parts = plan.way === 'tus' ? 1 : Math.min(plan.parallel + 1, bytes.length)
  const headers = { 'upload-metadata': metadataOf({ filename: file }) }
  if (parts === 1) {
    const uploadId = await createTus(context, all, { ...headers, 'upload-length': bytes.length })
    onOpened(file, uploadId)
    const upTo = cancelAfter === null ? bytes.length : Math.floor(bytes.length / 2)
    await patchAll(context, all, { id: uploadId, span: [0, bytes.length], upTo })
    if (cancelAfter === null) return uploadId
    await cancel(context, plan, uploadId)
    return null
  }
  const cuts = [0, ...Array.from({ length: parts - 1 }, () => random.whole(1, bytes.length - 1))]
  const starts = [...new Set(cuts)].sort((a, b) => a - b)
  const ids = await Promise.all(
    starts.map(async (from, index) => {
      const span: Span = [from, starts[index + 1] ?? bytes.length]
      const length = { 'upload-length': span[1] - from, 'upload-concat': 'partial' }
      const id = await createTus(context, all, length)
      await patchAll(context, all, { id, span, upTo: span[1] })
      return id
    }),
  )
  const list = ids.map((id) => `/files/${id}`).join(' ')
  const uploadId = await createTus(context, all, { ...headers, 'upload-concat': `final;${list}` })
  history.add({ kind: 'sealed', file })
  onOpened(file, uploadId)
  return uploadId
}

async function createTus(
  context: UploadContext,
  { refuse }: Upload,
  headers: Record<string, string | number>,
): Promise<string> {
  const texts = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, `${value}`]),
  )
  const init = { method: 'POST', headers: tusHeaders(context.token, texts) }
  return insist(async () => {
    const answer = await locked(ask(context, '/files', init))
    if (answer.status !== 201) refuse('creation', answer)
    return idIn(answer.headers.get('location'))
  })
}

/** 423: another request still has the upload. */
async function locked(asking: Promise<Answer>): Promise<Answer> {
  const answer = await asking
  if (answer.status !== 423) return answer
  await sleep(200)
  throw new Interrupted('locked')
}

async function patchAll(
  context: UploadContext,
  { plan, bytes, random, refuse }: Upload,
  { id, span: [start, end], upTo }: { id: string; span: Span; upTo: number },
): Promise<void> {
  const { history, token } = context
  const { file, chunkSize } = plan
  await insist(async () => {
    const asked = history.entries.length
    const head = await locked(
      ask(context, `/files/${id}`, { method: 'HEAD', headers: tusHeaders(token) }),
    )
    if (head.status !== 200) refuse('HEAD', head)
    let offset = Number(head.headers.get('upload-offset'))
    history.add({
      kind: 'listed',
      file,
      spans: [
        [start, start + offset],
        [0, start],
        [end, Infinity],
      ],
      asked,
    })
    while (start + offset < upTo) {
      const from = start + offset
      const to = Math.min(end, from + random.whole(1, chunkSize))
      const answer = await locked(
        ask(context, `/files/${id}`, {
          method: 'PATCH',
          headers: tusHeaders(token, {
            'upload-offset': String(offset),
            'content-type': 'application/offset+octet-stream',
          }),
          body: new Uint8Array(bytes.subarray(from, to)),
        }),
      )
      // Its answer was lost, or another request came first: HEAD says where to go on.
      if (answer.status === 409) throw new Interrupted('another offset')
      if (answer.status !== 204) refuse('PATCH', answer)
      offset = Number(answer.headers.get('upload-offset'))
      history.add({ kind: 'acknowledged', file, span: [start, start + offset] })
    }
  })
}

async function sendByClient(context: UploadContext, { plan, bytes }: Upload): Promise<void> {
  const { history, url, token, signal, onOpened, onCompleted } = context
  const { file, chunkSize, parallel, cancelAfter } = plan
  const client = createClient({ url, token })
  const uploadId = newUploadId()
  const options = { fileName: file, chunkSize, parallel, uploadId, signal, attempts: 60 }
  for (;;) {
    const job = client.upload(new Blob([new Uint8Array(bytes)]), {
      ...options,
      onProgress: ({ phase, storedBytes }) => {
        if (phase !== 'opening') onOpened(file, job.uploadId)
        if (cancelAfter !== null && storedBytes >= cancelAfter * chunkSize)
          job.cancel().catch(() => {})
      },
    })
    try {
      const { messageId, fileId, sha256: digest } = await job.done
      history.add({ kind: 'completed', file, messageId, sha256: digest ?? null })
      return onCompleted(file, messageId, fileId ?? '')
    } catch (error) {
      signal.throwIfAborted()
      const isCancelled = error instanceof TeleStoreError && error.code === 'CANCELLED'
      if (isCancelled || isCancelledUpload(error)) return cancel(context, plan, job.uploadId)
      const isPassing =
        error instanceof TeleStoreError && (error.status === 0 || error.status >= 500)
      if (!isPassing) {
        history.add({ kind: 'odd', what: `${file} (client): ${error}` })
        return
      }
      await sleep(200)
    }
  }
}

async function cancel(
  context: UploadContext,
  { file, way }: FilePlan,
  uploadId: string,
): Promise<void> {
  const { history, isPosted } = context
  const answer = await insist(() => ask(context, '/cancel-upload', jsonOf({ uploadId })))
  if (answer.status !== 200) throw new Odd(`${file} (${way}): cancel: ${inWords(answer)}`)
  const { status, messageId } = answer.body as { status?: string; messageId?: number | null }
  if (status !== 'completed') {
    history.add({ kind: 'cancelled', file, isPosted: await isPosted(file) })
    return
  }
  history.add({ kind: 'completed', file, messageId: messageId ?? 0, sha256: null })
}

async function waitForEnd(
  context: UploadContext,
  { plan, refuse }: Upload,
  uploadId: string,
): Promise<void> {
  const { history, onCompleted } = context
  const { file } = plan
  for (;;) {
    const answer = await insist(() => ask(context, `/upload-progress/${uploadId}`))
    if (answer.status !== 200) refuse('progress', answer)
    const progress = answer.body as {
      status: 'uploading' | 'completed' | 'failed'
      progress: number
      messageId: number | null
      fileId: string | null
      sha256?: string | null
      error: string | null
    }
    const { status, progress: percent, messageId } = progress
    history.add({ kind: 'progress', file, viewer: 'uploader', percent, status })
    if (status === 'failed')
      return history.add({ kind: 'failed', file, why: String(progress.error) })
    if (status === 'completed') {
      history.add({
        kind: 'completed',
        file,
        messageId: messageId ?? 0,
        sha256: progress.sha256 ?? null,
      })
      return onCompleted(file, messageId ?? 0, progress.fileId ?? '')
    }
    await sleep(100)
  }
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** An odd answer says more than an interruption. */
function throwWorst(lanes: readonly PromiseSettledResult<void>[]): void {
  const failures = lanes.flatMap((lane) => (lane.status === 'rejected' ? [lane.reason] : []))
  const worst = failures.find((error) => !(error instanceof Interrupted)) ?? failures[0]
  if (worst !== undefined) throw worst
}

export function digestOfSpan(file: string, size: number, [from, to]: Span): string {
  return sha256(bytesOf(file, size).subarray(from, to))
}
