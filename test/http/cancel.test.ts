import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import type { TransferRequest } from '../../src/core/ports/telegram.ts'
import { MiB } from '../../src/lib/units.ts'
import {
  chunkForm,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
} from '../helpers/callers/client.ts'
import { createTus, patchTus, tusHeaders } from '../helpers/callers/tus.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { spooledUploads, temporaryFiles } from '../helpers/storage/spooled.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const ANN = 'token-ann'
const BOB = 'token-bob'
const CANCELLED = { success: true, message: 'Upload cancelled' }
const REFUSAL = {
  error: 'This upload was cancelled. Take it off the list and add the file again',
  code: 'UPLOAD_CANCELLED',
  hint: 'Cancel it and add the file again',
}

async function start(env: Record<string, string> = {}, dataDir?: string) {
  const gateway = createFakeGateway()
  const worker = await startWorker({
    env,
    gateway,
    credentials: testCredentials,
    ...(dataDir !== undefined && { dataDir }),
  })
  return { ...worker, gateway }
}

/** Two chunks of five bytes; the first is sent and the upload cancelled. */
async function cancelBegun(url: string): Promise<ReturnType<typeof formOf>> {
  const form = formOf(newUploadId())
  expect((await postChunk(url, { ...form, chunkIndex: 0, chunk: CHUNK })).status).toBe(200)
  const answer = await cancel(url, form.uploadId)
  expect([answer.status, await answer.json()]).toEqual([200, CANCELLED])
  return form
}

const CHUNK = Buffer.from('12345')

function formOf(uploadId: string) {
  return { uploadId, totalChunks: 2, fileName: 'a.bin', fileSize: 10, authToken: ANN }
}

function cancel(url: string, uploadId: string, headers: Record<string, string> = {}) {
  return postJson(`${url}/cancel-upload`, { uploadId }, headers)
}

/** A transfer that only its signal ends. */
async function untilAborted({ signal }: Pick<TransferRequest, 'signal'>): Promise<void> {
  await once(signal, 'abort')
  throw signal.reason
}

type Way = (url: string, form: ReturnType<typeof formOf>) => Promise<Response>

const WAYS: [string, Way][] = [
  ['init', (url, form) => postJson(`${url}/init-upload`, form)],
  ['init of another file', (url, form) => postJson(`${url}/init-upload`, { ...form, fileSize: 7 })],
  ['the next chunk', (url, form) => postChunk(url, { ...form, chunkIndex: 1, chunk: CHUNK })],
  ['the same chunk', (url, form) => postChunk(url, { ...form, chunkIndex: 0, chunk: CHUNK })],
  [
    'a chunk behind its fields',
    (url, form) => postChunk(url, { ...form, chunkIndex: 1, chunk: CHUNK }, 'last'),
  ],
  ['complete', (url, { uploadId }) => postJson(`${url}/complete-upload`, { uploadId })],
  ['PATCH', (url, { uploadId }) => patchTus(url, uploadId, { offset: 0, bytes: CHUNK })],
  [
    'DELETE',
    (url, { uploadId }) =>
      fetch(`${url}/files/${uploadId}`, { method: 'DELETE', headers: tusHeaders(ANN) }),
  ],
  [
    'a concatenation',
    (url, { uploadId }) =>
      fetch(`${url}/files`, {
        method: 'POST',
        headers: tusHeaders(ANN, { 'upload-concat': `final;/files/${uploadId}` }),
      }),
  ],
]

test.each(WAYS)('a cancelled upload does not come back by %s', async (_name, way) => {
  const { url, adapters, dataDir } = await start()
  const form = await cancelBegun(url)

  const refused = await way(url, form)

  expect([refused.status, await refused.json()]).toEqual([410, REFUSAL])
  expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  expect(await spooledUploads(dataDir)).toEqual([])
})

test('a HEAD of a cancelled upload is 410', async () => {
  const { url } = await start()
  const { uploadId } = await cancelBegun(url)

  const head = await fetch(`${url}/files/${uploadId}`, { method: 'HEAD', headers: tusHeaders(ANN) })

  expect(head.status).toBe(410)
})

test('progress and status show that an upload was cancelled, and a cancel may be repeated', async () => {
  const { url } = await start()
  const { uploadId } = await cancelBegun(url)
  const headers = { authorization: `Bearer ${ANN}` }
  const ended = {
    uploadId,
    status: 'failed',
    phase: 'cancelled',
    error: 'Upload failed: it was cancelled',
    reason: 'it was cancelled',
    messageId: null,
    fileId: null,
  }

  const progress = await fetch(`${url}/upload-progress/${uploadId}`)
  const status = await fetch(`${url}/upload-status/${uploadId}`, { headers })
  const { jobs } = await (await fetch(`${url}/jobs`, { headers })).json()
  const again = await cancel(url, uploadId)

  expect([progress.status, await progress.json()]).toEqual([200, expect.objectContaining(ended)])
  expect([status.status, await status.json()]).toEqual([
    200,
    expect.objectContaining({
      received_chunk_indices: [],
      complete: false,
      status: 'failed',
      error: ended.error,
    }),
  ])
  expect(jobs).toEqual([expect.objectContaining({ ...ended, fileName: 'a.bin', receivedBytes: 0 })])
  expect([again.status, await again.json()]).toEqual([200, CANCELLED])
})

test('only an upload that existed is remembered as cancelled, and only for its owner', async () => {
  const { url } = await start()
  const unknown = newUploadId()
  const form = await cancelBegun(url)
  const bob = { authorization: `Bearer ${BOB}` }

  const cancelledUnknown = await cancel(url, unknown)
  const opened = await postJson(`${url}/init-upload`, formOf(unknown))
  const others = await Promise.all([
    cancel(url, form.uploadId, bob),
    postJson(`${url}/init-upload`, { ...form, authToken: BOB }),
    postChunk(url, { ...form, authToken: BOB, chunkIndex: 0, chunk: CHUNK }),
    postChunk(url, { ...form, authToken: BOB, chunkIndex: 0, chunk: CHUNK }, 'last'),
    fetch(`${url}/upload-progress/${form.uploadId}`, { headers: bob }),
    fetch(`${url}/files/${form.uploadId}`, { method: 'DELETE', headers: tusHeaders(BOB) }),
  ])

  expect([cancelledUnknown.status, opened.status]).toEqual([404, 200])
  expect(others.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404])
})

test('a cancelled upload stays cancelled over a restart', async () => {
  const dataDir = await makeTempDir()
  const before = await start({}, dataDir)
  const form = await cancelBegun(before.url)
  await before.close()

  const { url } = await start({}, dataDir)
  const chunk = await postChunk(url, { ...form, chunkIndex: 1, chunk: CHUNK })
  const progress = await fetch(`${url}/upload-progress/${form.uploadId}`)

  expect(chunk.status).toBe(410)
  expect(await progress.json()).toMatchObject({ status: 'failed', phase: 'cancelled' })
})

test.each(['first', 'last'] as const)(
  'a chunk that is on its way when its upload is cancelled is refused (file part %s)',
  async (filePart) => {
    const { url, dataDir } = await start()
    const form = { ...formOf(newUploadId()), fileSize: 2 * MiB }
    await postChunk(url, { ...form, chunkIndex: 0, chunk: Buffer.alloc(MiB) })
    const whole = new Response(
      chunkForm({ ...form, chunkIndex: 1, chunk: Buffer.alloc(MiB) }, filePart),
    )
    const bytes = Buffer.from(await whole.arrayBuffer())
    const sending = request(`${url}/upload-chunk`, {
      method: 'POST',
      headers: {
        'content-type': whole.headers.get('content-type') ?? '',
        'content-length': bytes.length,
      },
    })
    sending.write(bytes.subarray(0, MiB / 2))
    await vi.waitFor(async () => expect(await temporaryFiles(dataDir)).toHaveLength(1))

    await cancel(url, form.uploadId)
    sending.end(bytes.subarray(MiB / 2))

    const [answer] = await once(sending, 'response')
    expect([answer.statusCode, await json(answer)]).toEqual([410, REFUSAL])
    expect(await spooledUploads(dataDir)).toEqual([])
    expect(await temporaryFiles(dataDir)).toEqual([])
  },
)

test('complete and cancel at the same moment have one result, which all answers agree on', async () => {
  const { url } = await start()
  for (let round = 0; round < 10; round++) {
    const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(10), { token: ANN })

    const [, cancelled] = await Promise.all([
      postJson(`${url}/complete-upload`, { uploadId }),
      cancel(url, uploadId),
    ])
    const end = (await pollToEnd(url, uploadId)).at(-1)

    const { success, status = 'failed' } = await cancelled.json()
    expect(success).toBe(true)
    expect(end?.status).toBe(status)
  }
})

test('a file that is in Telegram stays completed, and a cancel answers so', async () => {
  const { url, gateway } = await start()
  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(10), { token: ANN })
  await postJson(`${url}/complete-upload`, { uploadId })
  const [end] = (await pollToEnd(url, uploadId)).slice(-1)

  const answer = await cancel(url, uploadId)
  const progress = await fetch(`${url}/upload-progress/${uploadId}`)

  expect([answer.status, await answer.json()]).toEqual([
    200,
    {
      success: true,
      message: 'The file is in Telegram already',
      status: 'completed',
      messageId: end?.messageId,
      fileId: end?.fileId,
    },
  ])
  expect(await progress.json()).toMatchObject({ status: 'completed', progress: 100 })
  expect(gateway.posted).toHaveLength(1)
})

test('a post that was done before its job could be stopped counts as completed', async () => {
  const gateway = createFakeGateway()
  const { finish } = gateway
  const posted = Promise.withResolvers<void>()
  gateway.finish = async (request) => {
    const result = await finish(request)
    posted.resolve()
    await once(request.signal, 'abort')
    return result
  }
  const { url } = await startWorker({ gateway, credentials: testCredentials })
  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(10), { token: ANN })
  await postJson(`${url}/complete-upload`, { uploadId })
  await posted.promise

  const answer = await cancel(url, uploadId)

  expect(await answer.json()).toMatchObject({ success: true, status: 'completed', messageId: 1 })
  expect(await progressOf(url, uploadId)).toMatchObject({ status: 'completed', messageId: 1 })
})

test('a failed upload that is cancelled is cancelled', async () => {
  const { url, gateway } = await start()
  gateway.beforeFinish = async () => {
    throw new Error('no')
  }
  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(10), { token: ANN })
  await postJson(`${url}/complete-upload`, { uploadId })
  await pollToEnd(url, uploadId)

  const answer = await cancel(url, uploadId)
  const chunk = await postChunk(url, {
    ...formOf(uploadId),
    totalChunks: 1,
    chunkIndex: 0,
    chunk: randomBytes(10),
  })

  expect(await answer.json()).toEqual(CANCELLED)
  expect(chunk.status).toBe(410)
})

test('progress does not fall when an upload is cancelled, nor after a restart', async () => {
  const dataDir = await makeTempDir()
  const before = await start({}, dataDir)
  const { url, gateway } = before
  gateway.beforeFinish = (request) => {
    request.onEvent({ phase: 'sending', acceptedBytes: 5 })
    return untilAborted(request)
  }
  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(10), { token: ANN })
  await postJson(`${url}/complete-upload`, { uploadId })
  await vi.waitFor(async () => expect((await progressOf(url, uploadId)).progress).toBe(60))

  await cancel(url, uploadId)
  const cancelled = await progressOf(url, uploadId)
  await before.close()
  const after = await start({}, dataDir)

  expect(cancelled).toMatchObject({ status: 'failed', progress: 60 })
  expect(await progressOf(after.url, uploadId)).toMatchObject({ status: 'failed', progress: 60 })
})

async function progressOf(url: string, uploadId: string) {
  return (await fetch(`${url}/upload-progress/${uploadId}`)).json()
}

test('the request of a whole file is answered with 410 when its owner cancels the upload', async () => {
  const { url, gateway } = await start()
  gateway.beforeFinish = untilAborted
  const form = new FormData()
  form.append('authToken', ANN)
  form.append('file', new Blob([new Uint8Array(10)]), 'a.bin')
  const answer = fetch(`${url}/upload`, { method: 'POST', body: form })
  const uploadId = await vi.waitFor(() => onlyJob(url))

  await cancel(url, uploadId)

  const refused = await answer
  expect([refused.status, await refused.json()]).toEqual([410, REFUSAL])
})

async function onlyJob(url: string): Promise<string> {
  const answer = await fetch(`${url}/jobs`, { headers: { authorization: `Bearer ${ANN}` } })
  const { jobs } = (await answer.json()) as { jobs: { uploadId: string; phase: string }[] }
  const [job] = jobs
  if (job?.phase !== 'queued') throw new Error('no job yet')
  return job.uploadId
}

test('a tus upload that its client deletes is 410 from then on', async () => {
  const { url, adapters } = await start()
  const uploadId = await createTus(url, ANN, {
    'upload-length': '3000',
    'upload-metadata': 'a YQ==',
  })
  await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(1000) })
  const target = `${url}/files/${uploadId}`

  const deleted = await fetch(target, { method: 'DELETE', headers: tusHeaders(ANN) })
  const again = await fetch(target, { method: 'DELETE', headers: tusHeaders(ANN) })
  const chunk = await postChunk(url, { ...formOf(uploadId), chunkIndex: 0, chunk: CHUNK })

  expect([deleted.status, again.status, chunk.status]).toEqual([204, 410, 410])
  expect((await adapters.ledger.stream(uploadId))?.metadata).toBeNull()
})

test('a tus upload that is in Telegram may be deleted, and is not called cancelled', async () => {
  const { url, gateway } = await start()
  const uploadId = await createTus(url, ANN, { 'upload-length': '10' })
  await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(10) })
  await pollToEnd(url, uploadId)
  const target = `${url}/files/${uploadId}`

  const deleted = await fetch(target, { method: 'DELETE', headers: tusHeaders(ANN) })
  const head = await fetch(target, { method: 'HEAD', headers: tusHeaders(ANN) })

  expect([deleted.status, head.status]).toEqual([204, 404])
  expect(gateway.posted).toHaveLength(1)
})

test('a cancelled part is not joined, and a cancelled join is not repeated', async () => {
  const { url, gateway } = await start()
  gateway.beforeFinish = untilAborted
  const [one = '', other = ''] = await Promise.all([partOf(url), partOf(url)])
  const joining = { 'upload-concat': `final;/files/${one} /files/${other}` }
  const joined = await createTus(url, ANN, joining)
  await cancel(url, joined)

  const again = await joinParts(url, joining)
  const [third = '', fourth = ''] = await Promise.all([partOf(url), partOf(url)])
  await cancel(url, fourth)
  const withCancelled = await joinParts(url, {
    'upload-concat': `final;/files/${third} /files/${fourth}`,
  })

  for (const answer of [again, withCancelled]) {
    expect([answer.status, await answer.json()]).toEqual([410, REFUSAL])
  }
})

async function partOf(url: string): Promise<string> {
  const headers = { 'upload-length': '5', 'upload-concat': 'partial' }
  const uploadId = await createTus(url, ANN, headers)
  await patchTus(url, uploadId, { offset: 0, bytes: CHUNK })
  return uploadId
}

function joinParts(url: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/files`, { method: 'POST', headers: tusHeaders(ANN, headers) })
}
