import { sleep } from '../../src/lib/waiting/sleep.ts'
import { chunkForm, newUploadId, type ProgressBody } from '../helpers/callers/client.ts'
import type { UploadPlan } from './plan.ts'
import { bytesOf, type Random } from './random.ts'
import { Violation, type World } from './world.ts'

const REQUEST_MS = 60_000

/** The worker died under a request, which may or may not have been carried out. */
class Interrupted extends Error {}

/** What everybody in a round can see of it. */
export interface Events {
  acknowledged: number
  phases: Set<string>
}

/** How one upload ended, as its client knows it. */
export interface UploadOutcome {
  plan: UploadPlan
  bytes: Buffer
  uploadId: string
  cancelled: boolean
  messageId: number | null
  fileId: string | null
  /** How often a whole file was sent in one request. */
  sends: number
}

/** Brings one upload to its end as a client would that does not give up. */
export function createUploader(world: World, plan: UploadPlan, options: UploaderOptions) {
  const bytes = bytesOf(plan.name, plan.size)
  const outcome: UploadOutcome = {
    plan,
    bytes,
    uploadId: newUploadId(),
    cancelled: false,
    messageId: null,
    fileId: null,
    sends: 0,
  }
  const steps =
    plan.way === 'whole' ? wholeFile(world, outcome, options) : inChunks(world, outcome, options)

  async function run(): Promise<UploadOutcome> {
    for (;;) {
      try {
        await world.ready()
        await steps()
        return outcome
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error
        await sleep(10)
      }
    }
  }
  return { run }
}

export interface UploaderOptions {
  token: string
  random: Random
  events: Events
}

type Answer = { status: number; body: Record<string, unknown> }

/** One request; waits and asks again as long as the worker says that it may. */
async function ask(
  world: World,
  path: string,
  makeInit: () => RequestInit = () => ({}),
): Promise<Answer> {
  for (;;) {
    const init = { ...makeInit(), signal: AbortSignal.timeout(REQUEST_MS) }
    const answer = await fetch(`${world.url}${path}`, init)
      .then(async (response) => ({
        status: response.status,
        body: (await response.json()) as Answer['body'],
      }))
      .catch((error: unknown) => {
        if (error instanceof Error && error.name === 'TimeoutError')
          throw new Violation(`${path} hangs`)
        throw new Interrupted()
      })
    if (answer.status !== 503 && answer.status !== 429) return answer
    await sleep(200)
  }
}

const post = (body: object) => (): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

function expectOk(what: string, { status, body }: Answer): void {
  if (status !== 200) throw new Violation(`${what}: ${status} ${JSON.stringify(body)}`)
}

/** `POST /upload` has no memory: a client whose request died can only send the file again. */
function wholeFile(
  world: World,
  outcome: UploadOutcome,
  { token }: UploaderOptions,
): () => Promise<void> {
  const { plan, bytes } = outcome
  return async () => {
    outcome.sends++
    const answer = await ask(world, '/upload', () => {
      const form = new FormData()
      form.append('file', new Blob([new Uint8Array(bytes)]), plan.name)
      form.append('authToken', token)
      return { method: 'POST', body: form }
    })
    expectOk('upload', answer)
    outcome.messageId = Number(answer.body.messageId)
    outcome.fileId = String(answer.body.fileId)
  }
}

function inChunks(
  world: World,
  outcome: UploadOutcome,
  options: UploaderOptions,
): () => Promise<void> {
  const { plan, bytes, uploadId } = outcome
  const { token, random, events } = options
  const totalChunks = Math.ceil(plan.size / plan.chunkSize)
  const acknowledged = new Set<number>()
  const file = { uploadId, fileName: plan.name, fileSize: plan.size, totalChunks, authToken: token }
  let opened = false
  let sealed = false
  let cancels = false
  let seen = { generation: -1, percent: 0 }

  /** What the worker says that it has; holds it against what it has acknowledged. */
  async function listed(): Promise<Set<number>> {
    const { status, body } = await ask(world, `/upload-status/${uploadId}`)
    if (status === 404 && !opened && acknowledged.size === 0) return new Set()
    if (status !== 200) throw new Violation(`status: ${status} ${JSON.stringify(body)}`)
    const here = new Set(body.received_chunk_indices as number[])
    const lost = [...acknowledged].filter((index) => !here.has(index))
    if (lost.length > 0) throw new Violation(`acknowledged chunks are gone: ${lost}`)
    return here
  }

  async function sendChunk(index: number): Promise<void> {
    const chunk = bytes.subarray(index * plan.chunkSize, (index + 1) * plan.chunkSize)
    const order = random.pick(['first', 'last'])
    const form = { ...file, chunkIndex: index, chunk }
    const answer = await ask(world, '/upload-chunk', () => ({
      method: 'POST',
      body: chunkForm(form, order === 'first' ? 'first' : 'last'),
    }))
    expectOk(`chunk ${index}`, answer)
    acknowledged.add(index)
    events.acknowledged++
  }

  async function sendMissing(): Promise<void> {
    const here = await listed()
    const all = Array.from({ length: totalChunks }, (_, index) => index)
    const wanted = all.filter((index) => !here.has(index) || random.chance(plan.again))
    const queue = plan.shuffled ? random.shuffle(wanted) : wanted
    const sendNext = async (): Promise<void> => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        if (plan.cancelAfter !== null && acknowledged.size >= plan.cancelAfter) return
        await sendChunk(index)
      }
    }
    // All of them end before the next step: a chunk that comes after a cancel is refused.
    const ends = await Promise.allSettled(Array.from({ length: plan.parallel }, sendNext))
    const failures = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason)
    throwWorst(failures)
  }

  async function cancel(): Promise<void> {
    const { status, body } = await ask(world, '/cancel-upload', post({ uploadId }))
    if (status !== 200 && status !== 404) throw new Violation(`cancel: ${JSON.stringify(body)}`)
    outcome.cancelled = true
    const after = await ask(world, `/upload-progress/${uploadId}`)
    const isCancelled = after.status === 200 && after.body.phase === 'cancelled'
    if (!isCancelled && (status === 200 || after.status !== 404))
      throw new Violation(`a cancelled upload is still there: ${JSON.stringify(after.body)}`)
  }

  async function poll(): Promise<void> {
    for (;;) {
      const { status, body } = await ask(world, `/upload-progress/${uploadId}`)
      const progress = body as unknown as ProgressBody
      if (status !== 200) throw new Violation(`progress: ${status} ${JSON.stringify(body)}`)
      const { generation } = world
      const fell = generation === seen.generation && progress.progress < seen.percent
      if (fell) throw new Violation(`progress fell from ${seen.percent} to ${progress.progress}`)
      seen = { generation, percent: progress.progress }
      events.phases.add(progress.phase ?? '')
      if (progress.status === 'failed') throw new Violation(`failed: ${progress.error}`)
      if (progress.status === 'completed') {
        if (progress.progress !== 100 || !progress.messageId)
          throw new Violation('completed, but not so')
        outcome.messageId = progress.messageId
        outcome.fileId = progress.fileId
        return
      }
      await sleep(10)
    }
  }

  return async () => {
    if (sealed) return poll()
    if (plan.opensFirst && !opened) {
      expectOk('init', await ask(world, '/init-upload', post(file)))
      opened = true
    }
    // A cancel whose answer was lost may have happened: the client that wants it asks again.
    if (cancels || (plan.cancelAfter !== null && acknowledged.size >= plan.cancelAfter)) {
      return cancel()
    }
    await sendMissing()
    cancels = plan.cancelAfter !== null
    if (cancels) return cancel()
    expectOk('complete', await ask(world, '/complete-upload', post({ uploadId })))
    sealed = true
    await poll()
  }
}

/** A violation says more than an interruption. */
function throwWorst(failures: unknown[]): void {
  const worst = failures.find((error) => !(error instanceof Interrupted)) ?? failures[0]
  if (worst !== undefined) throw worst
}
