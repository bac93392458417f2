import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { CredentialsProvider } from '../../src/core/ports/credentials.ts'
import { AppError } from '../../src/errors.ts'
import { KiB, MiB } from '../../src/lib/units.ts'
import {
  chunkForm,
  completeAndPoll,
  downloadUrl,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { spooledUploads, temporaryFiles } from '../helpers/storage/spooled.ts'
import { startWorker, type TestWorker, testCredentials } from '../helpers/worker/app.ts'

const token = 'token-ann'

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ env, gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

test.each([
  ['one byte', 1, 5 * MiB],
  ['one chunk exactly', 5 * MiB, 5 * MiB],
  ['one byte more', 5 * MiB + 1, 5 * MiB],
  ['chunks that parts span', 3 * MiB + 17, 700 * KiB + 3],
])('a file of %s is downloaded as it was uploaded', async (_name, size, chunkSize) => {
  const { url } = await start()
  const bytes = randomBytes(size)

  const { messageId } = await uploadFile(url, 'a.bin', bytes, { token, chunkSize })

  const back = await fetch(downloadUrl(url, messageId, token))
  expect(back.status).toBe(200)
  expect(sha256(new Uint8Array(await back.arrayBuffer()))).toBe(sha256(bytes))
})

test.each(['first', 'last'] as const)(
  'a chunk whose file part comes %s is taken',
  async (filePart) => {
    const { url, gateway } = await start()
    const bytes = randomBytes(12 * MiB)

    await uploadFile(url, 'b.bin', bytes, { token, filePart, parallel: 8, order: [2, 0, 1] })

    expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
  },
)

test('the answer to a chunk counts the received chunks', async () => {
  const { url } = await start()
  const form = {
    uploadId: newUploadId(),
    totalChunks: 3,
    fileName: 'c',
    fileSize: 5,
    authToken: token,
  }

  const first = await postChunk(url, { ...form, chunkIndex: 0, chunk: Buffer.from('ab') })
  const last = await postChunk(url, { ...form, chunkIndex: 2, chunk: Buffer.from('e') })

  expect(await first.json()).toEqual({
    success: true,
    chunk_index: 0,
    received_chunks: 1,
    total_chunks: 3,
    complete: false,
  })
  expect(await last.json()).toMatchObject({ chunk_index: 2, received_chunks: 2, complete: false })
  const status = await fetch(`${url}/upload-status/${form.uploadId}`)
  expect(await status.json()).toMatchObject({
    upload_id: form.uploadId,
    file_name: 'c',
    total_chunks: 3,
    received_chunks: 2,
    received_chunk_indices: [0, 2],
    complete: false,
  })
})

test('the same chunk is accepted again, with other bytes it is refused', async () => {
  const { url, dataDir } = await start()
  const form = {
    uploadId: newUploadId(),
    chunkIndex: 0,
    totalChunks: 2,
    fileName: 'd',
    fileSize: 3,
    authToken: token,
  }
  await postChunk(url, { ...form, chunk: Buffer.from('ab') })

  const same = await postChunk(url, { ...form, chunk: Buffer.from('ab') })
  const other = await postChunk(url, { ...form, chunk: Buffer.from('xy') })

  expect(same.status).toBe(200)
  expect(await same.json()).toMatchObject({ received_chunks: 1 })
  expect(other.status).toBe(409)
  expect(await other.json()).toMatchObject({ code: 'CHUNK_DIFFERS' })
  await expectNoTemporaryFiles(dataDir)
})

test('complete before the last chunk names the missing ones', async () => {
  const { url } = await start()
  const form = {
    uploadId: newUploadId(),
    chunkIndex: 1,
    totalChunks: 3,
    fileName: 'e',
    fileSize: 6,
    authToken: token,
  }
  await postChunk(url, { ...form, chunk: Buffer.from('cd') })

  const early = await postJson(`${url}/complete-upload`, { uploadId: form.uploadId })

  expect(early.status).toBe(400)
  expect(await early.json()).toMatchObject({
    error: 'Not all chunks received',
    received: 1,
    total: 3,
    missing: [0, 2],
  })
})

test('complete answers at once, and again with the same job', async () => {
  const { url, gateway } = await start()
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  gateway.beforeFinish = () => held
  const { uploadId } = await sendChunks(url, 'f.bin', randomBytes(1000), { token })

  const first = await postJson(`${url}/complete-upload`, { uploadId })
  const second = await postJson(`${url}/complete-upload`, { uploadId })
  release()
  const end = (await pollToEnd(url, uploadId)).at(-1)
  const after = await postJson(`${url}/complete-upload`, { uploadId })

  const started = {
    success: true,
    uploadId,
    message: 'Upload started in background',
    checkProgressAt: `/upload-progress/${uploadId}`,
  }
  expect(await first.json()).toEqual(started)
  expect(await second.json()).toEqual(started)
  expect(end).toMatchObject({ status: 'completed', progress: 100, messageId: 1, fileId: 'file-1' })
  expect(await after.json()).toEqual({
    ...started,
    status: 'completed',
    messageId: 1,
    fileId: 'file-1',
  })
  expect(gateway.posted).toHaveLength(1)
})

test('progress never falls and ends at 100', async () => {
  const { url } = await start()
  const { uploadId } = await sendChunks(url, 'g.bin', randomBytes(9 * MiB), { token })

  const polls = await completeAndPoll(url, uploadId)

  const percents = polls.map((poll) => poll.progress)
  expect(percents).toEqual([...percents].sort((a, b) => a - b))
  expect(percents.at(-1)).toBe(100)
})

test('a failed job tells the reason in the words that deployed clients look for', async () => {
  const { url, gateway, dataDir } = await start()
  gateway.beforeFinish = async () => {
    throw new AppError('TELEGRAM_SESSION_INVALID', 'Telegram session not authorized')
  }
  const { uploadId } = await sendChunks(url, 'h.bin', randomBytes(10), { token })

  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({
    status: 'failed',
    error: 'Upload failed: Telegram session not authorized',
    reason: 'Telegram session not authorized',
    messageId: null,
  })
  await vi.waitFor(async () => expect(await spooledUploads(dataDir)).toEqual([]))
})

test('a transfer is retried after a failure that may pass', async () => {
  const { url, gateway } = await start()
  let failures = 0
  gateway.beforeFinish = async () => {
    if (failures++ < 1) throw new AppError('TELEGRAM_UNAVAILABLE', 'gone', { retryAfter: 0 })
  }

  const end = await uploadFile(url, 'i.bin', randomBytes(10), { token })

  expect(end.status).toBe('completed')
  expect(failures).toBe(2)
})

test('parts of a large file are sent before the last chunk arrives', async () => {
  const { url, gateway } = await start()
  gateway.early = true
  const bytes = randomBytes(12 * MiB)
  const uploadId = newUploadId()

  await sendChunks(url, 'j.bin', bytes, { token, uploadId, chunkSize: 5 * MiB, order: [] })
  const form = {
    uploadId,
    totalChunks: 3,
    fileName: 'j.bin',
    fileSize: bytes.length,
    authToken: token,
  }
  await postChunk(url, { ...form, chunkIndex: 1, chunk: bytes.subarray(5 * MiB, 10 * MiB) })

  await vi.waitFor(() => expect(gateway.earlyParts).toHaveLength(10))
  expect(gateway.earlyParts[0]).toBe(10)
  await postChunk(url, { ...form, chunkIndex: 0, chunk: bytes.subarray(0, 5 * MiB) })
  await postChunk(url, { ...form, chunkIndex: 2, chunk: bytes.subarray(10 * MiB) })
  await completeAndPoll(url, uploadId)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
})

test('cancel stops the job and frees the disk', async () => {
  const { url, gateway, dataDir } = await start()
  let [began, aborted] = [false, false]
  gateway.beforeFinish = ({ signal }) =>
    new Promise((_resolve, reject) => {
      began = true
      signal.addEventListener('abort', () => {
        aborted = true
        reject(signal.reason)
      })
    })
  const { uploadId } = await sendChunks(url, 'k.bin', randomBytes(10), { token })
  await postJson(`${url}/complete-upload`, { uploadId })
  await vi.waitFor(() => expect(began).toBe(true))

  const cancelled = await postJson(`${url}/cancel-upload`, { uploadId })

  expect(await cancelled.json()).toEqual({ success: true, message: 'Upload cancelled' })
  expect(aborted).toBe(true)
  expect(await spooledUploads(dataDir)).toEqual([])
  expect(await (await progressOf(url, uploadId)).json()).toMatchObject({ phase: 'cancelled' })
  expect(gateway.posted).toEqual([])
})

test('an unknown upload is refused with a sentence', async () => {
  const { url } = await start()

  const answers = await Promise.all([
    postJson(`${url}/complete-upload`, { uploadId: 'nobody' }),
    postJson(`${url}/cancel-upload`, { uploadId: 'nobody' }),
    fetch(`${url}/upload-progress/nobody`),
    fetch(`${url}/upload-status/nobody`),
  ])

  for (const answer of answers) {
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual({
      error: 'Upload session not found',
      code: 'UPLOAD_NOT_FOUND',
      hint: 'Cancel it and add the file again',
    })
  }
})

test("another user's upload does not exist", async () => {
  const { url } = await start()
  const form = { uploadId: newUploadId(), totalChunks: 2, fileName: 'l', fileSize: 4 }
  await postChunk(url, { ...form, authToken: token, chunkIndex: 0, chunk: Buffer.from('ab') })

  const foreign = await postChunk(url, {
    ...form,
    authToken: 'token-bob',
    chunkIndex: 1,
    chunk: Buffer.from('cd'),
  })
  const status = await fetch(`${url}/upload-status/${form.uploadId}`, {
    headers: { authorization: 'Bearer token-bob' },
  })

  expect(foreign.status).toBe(404)
  expect(status.status).toBe(404)
})

test.each<[string, Record<string, string>, number, number]>([
  ['the file is too large', { MAX_FILE_SIZE: '1MB' }, 2 * MiB, 413],
  ['the file is empty', {}, 0, 400],
  ['the user has too many uploads', { MAX_UPLOADS_PER_USER: '1' }, 10, 429],
  ['the user has too many bytes', { MAX_BYTES_PER_USER: '1MB' }, 2 * MiB, 507],
  ['there is no room', { SPOOL_MAX_BYTES: '1MB', MAX_BYTES_PER_USER: '1GB' }, 2 * MiB, 507],
])('if %s, an id of another user looks free', async (_name, env, fileSize, status) => {
  const { url } = await start(env)
  const bob = { authorization: 'Bearer token-bob' }
  const file = { fileName: 'a.bin', totalChunks: 1, fileSize: 1 }
  const taken = newUploadId()
  await postJson(`${url}/init-upload`, { ...file, uploadId: taken, authToken: token })
  await postJson(`${url}/init-upload`, { ...file, uploadId: newUploadId() }, bob)

  const tell = async (response: Response) => [response.status, await response.json()]
  const open = async (uploadId: string) => [
    await tell(await postJson(`${url}/init-upload`, { ...file, uploadId, fileSize }, bob)),
    await tell(await postChunk(url, chunkWithToken(uploadId, fileSize), 'last')),
  ]

  const answers = await open(taken)
  expect(answers).toEqual(await open(newUploadId()))
  expect(answers.map(([answered]) => answered)).toEqual([status, status])
})

/** The token comes before the bytes, as programs send it that know it early. */
function chunkWithToken(uploadId: string, fileSize: number) {
  const authToken = 'token-bob'
  const chunk = Buffer.alloc(1)
  return { authToken, uploadId, chunkIndex: 0, totalChunks: 1, fileName: 'a.bin', fileSize, chunk }
}

test('while the backend is down, an id of another user looks free', async () => {
  let down = false
  const forRunningUpload: CredentialsProvider['forRunningUpload'] = async (given, runs) => {
    const granted = await testCredentials.forUpload(given)
    if (!down || (await runs?.(granted))) return granted
    throw new AppError('BACKEND_UNAVAILABLE', 'The backend does not answer')
  }
  const { url } = await startWorker({
    gateway: createFakeGateway(),
    credentials: { ...testCredentials, forRunningUpload },
  })
  const taken = newUploadId()
  await postChunk(url, { ...chunkWithToken(taken, 2), authToken: token, totalChunks: 2 })
  down = true

  const answers = await Promise.all(
    [taken, newUploadId()].map((uploadId) => postChunk(url, chunkWithToken(uploadId, 1))),
  )

  expect(answers.map(({ status }) => status)).toEqual([503, 503])
  const next = { ...chunkWithToken(taken, 2), authToken: token, totalChunks: 2, chunkIndex: 1 }
  expect((await postChunk(url, next)).status).toBe(200)
})

test.each([
  ['totalChunks', { totalChunks: 3 }, 409],
  ['fileSize', { fileSize: 5 }, 409],
  ['chunkIndex', { chunkIndex: 2 }, 400],
  ['uploadId', { uploadId: '../../etc' }, 400],
  ['chunkIndex', { chunkIndex: '-1' }, 400],
  ['chunkIndex', { chunkIndex: '1.5' }, 400],
  ['fileSize', { fileSize: 'many' }, 400],
])('a chunk with a wrong %s is refused', async (field, change, status) => {
  const { url, dataDir } = await start()
  const form = {
    uploadId: newUploadId(),
    totalChunks: 2,
    fileName: 'm',
    fileSize: 4,
    authToken: token,
  }
  await postChunk(url, { ...form, chunkIndex: 0, chunk: Buffer.from('ab') })

  const refused = await postChunk(url, {
    ...form,
    chunkIndex: 1,
    chunk: Buffer.from('cd'),
    ...change,
  })

  expect(refused.status).toBe(status)
  expect(await refused.json()).toMatchObject({ error: expect.stringContaining(''), field })
  await expectNoTemporaryFiles(dataDir)
})

test.each([
  ['longer than the others', 1, 'cde'],
  ['shorter than the others', 1, 'c'],
  ['an empty one', 1, ''],
  ['a last one that is too long', 2, 'ef'],
])('a chunk %s is refused', async (_name, chunkIndex, text) => {
  const { url } = await start()
  const form = {
    uploadId: newUploadId(),
    totalChunks: 3,
    fileName: 'n',
    fileSize: 5,
    authToken: token,
  }
  await postChunk(url, { ...form, chunkIndex: 0, chunk: Buffer.from('ab') })

  const refused = await postChunk(url, { ...form, chunkIndex, chunk: Buffer.from(text) })

  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ code: 'CHUNK_SIZE_WRONG' })
})

test.each(['uploadId', 'chunkIndex', 'totalChunks', 'fileName', 'fileSize', 'authToken', 'chunk'])(
  'a form without %s is refused, and the refusal names it',
  async (field) => {
    const { url, dataDir } = await start()
    const form = chunkForm({
      uploadId: newUploadId(),
      chunkIndex: 0,
      totalChunks: 1,
      fileName: 'o',
      fileSize: 2,
      authToken: token,
      chunk: Buffer.from('ab'),
    })
    form.delete(field)

    const refused = await fetch(`${url}/upload-chunk`, { method: 'POST', body: form })

    expect(refused.status).toBe(field === 'authToken' ? 401 : 400)
    expect(await refused.json()).toMatchObject({ field, error: expect.stringContaining(field) })
    await expectNoTemporaryFiles(dataDir)
  },
)

test.each(['first', 'last'] as const)(
  'a later chunk without a token is refused, though the id is known: file part %s',
  async (filePart) => {
    const { url, adapters } = await start()
    const uploadId = newUploadId()
    const chunk = Buffer.alloc(5)
    const form = { uploadId, totalChunks: 2, fileName: 'a.bin', fileSize: 10, chunk }
    await postChunk(url, { ...form, chunkIndex: 0, authToken: token })

    const answer = await postChunk(url, { ...form, chunkIndex: 1 }, filePart)

    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'TOKEN_MISSING', field: 'authToken' })
    expect(await adapters.ledger.chunks(uploadId)).toHaveLength(1)
  },
)

test('a refused token is refused before any byte is kept', async () => {
  const { url, dataDir } = await start()

  const refused = await postChunk(url, {
    uploadId: newUploadId(),
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 'p',
    fileSize: 2,
    authToken: 'wrong',
    chunk: Buffer.from('ab'),
  })

  expect(refused.status).toBe(401)
  expect(await refused.json()).toMatchObject({ code: 'TOKEN_REFUSED' })
  expect(await spooledUploads(dataDir)).toEqual([])
  await expectNoTemporaryFiles(dataDir)
})

test('an empty file is refused with a reason', async () => {
  const { url } = await start()
  const file = {
    uploadId: newUploadId(),
    fileName: 'q',
    totalChunks: 1,
    fileSize: 0,
    authToken: token,
  }

  const init = await postJson(`${url}/init-upload`, file)
  const chunk = await postChunk(url, { ...file, chunkIndex: 0, chunk: Buffer.alloc(0) })

  for (const refused of [init, chunk]) {
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ code: 'EMPTY_FILE' })
  }
})

test('init may be repeated with the same file, not with another one', async () => {
  const { url } = await start()
  const file = {
    uploadId: newUploadId(),
    fileName: 'r',
    totalChunks: 2,
    fileSize: 4,
    authToken: token,
  }

  const first = await postJson(`${url}/init-upload`, file)
  const again = await postJson(`${url}/init-upload`, file)
  const other = await postJson(`${url}/init-upload`, { ...file, fileSize: 5 })
  const named = await postJson(`${url}/init-upload`, { ...file, fileName: 'other' })

  expect(await first.json()).toEqual({
    success: true,
    uploadId: file.uploadId,
    message: 'Upload session initialized',
  })
  expect(again.status).toBe(200)
  expect(other.status).toBe(409)
  expect(named.status).toBe(409)
})

test('a file over the limit, a chunk over the limit and a full spool are told apart', async () => {
  const env = { MAX_FILE_SIZE: '3MB', MAX_CHUNK_SIZE: '1MB', SPOOL_MAX_BYTES: '4MB' }
  const { url, dataDir } = await start(env)
  const open = (uploadId: string, fileSize: number) =>
    postJson(`${url}/init-upload`, {
      uploadId,
      fileName: 's',
      totalChunks: 3,
      fileSize,
      authToken: token,
    })

  expect((await open('a', 3 * MiB + 1)).status).toBe(413)
  expect((await open('b', 3 * MiB)).status).toBe(200)
  const full = await open('c', 2 * MiB)
  expect(full.status).toBe(507)
  expect(full.headers.get('retry-after')).toMatch(/^\d+$/)
  const large = {
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 't',
    fileSize: MiB + 1,
    authToken: token,
  }
  const refused = await postChunk(url, { ...large, uploadId: 'd', chunk: Buffer.alloc(MiB + 1) })
  expect(refused.status).toBe(413)
  expect(await refused.json()).toMatchObject({ code: 'CHUNK_TOO_LARGE' })
  await expectNoTemporaryFiles(dataDir)
})

test('two interleaved uploads do not mix', async () => {
  const { url, gateway } = await start()
  const files = [randomBytes(3 * MiB + 1), randomBytes(3 * MiB + 2)]

  await Promise.all(
    files.map((bytes, index) =>
      uploadFile(url, `u${index}`, bytes, { token, chunkSize: MiB, parallel: 2 }),
    ),
  )

  expect(gateway.posted.map((document) => sha256(document.bytes)).sort()).toEqual(
    files.map(sha256).sort(),
  )
})

test('a client that leaves in the middle of a chunk leaves nothing behind', async () => {
  const { url, dataDir } = await start()
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  const head =
    '--x\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n' +
    'Content-Type: application/octet-stream\r\n\r\n'
  socket.write(
    `POST /upload-chunk HTTP/1.1\r\nHost: x\r\nContent-Length: ${5 * MiB}\r\n` +
      `Content-Type: multipart/form-data; boundary=x\r\n\r\n${head}`,
  )
  socket.write(Buffer.alloc(MiB))
  await vi.waitFor(async () => expect(await temporaryFiles(dataDir)).toHaveLength(1))

  socket.destroy()

  await vi.waitFor(async () => expect(await temporaryFiles(dataDir)).toEqual([]))
})

test.each([
  ['no boundary', 'multipart/form-data', 'x'],
  [
    'a form that ends in the middle',
    'multipart/form-data; boundary=x',
    '--x\r\nContent-Disposition: form-data; name="uploadId"\r\n\r\nabc',
  ],
  ['JSON instead of a form', 'application/json', '{}'],
])('%s is refused, never a 500', async (_name, contentType, body) => {
  const { url } = await start()

  const refused = await fetch(`${url}/upload-chunk`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
  })

  expect([400, 406, 415]).toContain(refused.status)
  expect(await refused.json()).toMatchObject({
    error: expect.any(String),
    code: expect.any(String),
  })
})

test.each([
  ['slashes', 'a/b\\c.txt', 'a_b_c.txt'],
  ['quotes', `it's "quoted".txt`, `it's "quoted".txt`],
  ['newlines', 'two\r\nlines.txt', 'two__lines.txt'],
  ['emoji', '🎬 фильм 映画.mp4', '🎬 фильм 映画.mp4'],
  ['300 characters', `${'n'.repeat(296)}.txt`, `${'n'.repeat(296)}.txt`],
])('a file name with %s arrives in Telegram', async (_name, sent, arrived) => {
  const { url, gateway } = await start()

  await uploadFile(url, sent, randomBytes(3), { token })

  expect(gateway.posted.map((document) => document.name)).toEqual([arrived])
})

test('a small file goes in one request', async () => {
  const { url, gateway } = await start()
  const form = new FormData()
  form.append('file', new Blob(['hello'], { type: 'text/plain' }), 'hello.txt')
  form.append('authToken', token)

  const answer = await fetch(`${url}/upload`, { method: 'POST', body: form })

  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({
    success: true,
    messageId: 1,
    fileId: 'file-1',
    fileName: 'hello.txt',
    size: 5,
    uploadId: expect.any(String),
  })
  expect(gateway.posted[0]).toMatchObject({ name: 'hello.txt', mimeType: 'text/plain' })
})

test('a small file that the disk refuses keeps no reservation', async () => {
  const { url, adapters, dataDir } = await start()
  const form = new FormData()
  form.append('file', new Blob(['hello']), 'hello.txt')
  form.append('authToken', token)
  const chunks = join(dataDir, 'spool', 'uploads')
  await rename(chunks, `${chunks}-gone`)
  await writeFile(chunks, 'not a folder')

  const answer = await fetch(`${url}/upload`, { method: 'POST', body: form })

  expect(answer.status).toBeGreaterThanOrEqual(500)
  expect(await adapters.ledger.uploadsInState('receiving')).toEqual([])
})

test('uploads, chunks and jobs survive a restart', async () => {
  const { mkdtemp, rm } = await import('node:fs/promises')
  const dataDir = await mkdtemp('/tmp/telestore-restart-')
  const gateway = createFakeGateway()
  gateway.beforeFinish = ({ signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const options = { dataDir, gateway, credentials: testCredentials }
  const bytes = randomBytes(3 * MiB)
  const before = await startWorker(options)
  const half = await sendChunks(before.url, 'half', bytes, { token, chunkSize: MiB, order: [0, 2] })
  const whole = await sendChunks(before.url, 'whole', bytes, { token, chunkSize: MiB })
  await postJson(`${before.url}/complete-upload`, { uploadId: whole.uploadId })
  await before.close()

  gateway.beforeFinish = async () => {}
  const after = await startWorker(options)

  expect((await pollToEnd(after.url, whole.uploadId)).at(-1)?.status).toBe('completed')
  const resumed = { token, chunkSize: MiB, uploadId: half.uploadId, order: [1] }
  await sendChunks(after.url, 'half', bytes, resumed)
  expect((await completeAndPoll(after.url, half.uploadId)).at(-1)?.status).toBe('completed')
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([
    sha256(bytes),
    sha256(bytes),
  ])
  await after.close()
  await rm(dataDir, { recursive: true })
})

async function progressOf(url: string, uploadId: string): Promise<Response> {
  return fetch(`${url}/upload-progress/${uploadId}`)
}

async function expectNoTemporaryFiles(dataDir: TestWorker['dataDir']): Promise<void> {
  expect(await temporaryFiles(dataDir)).toEqual([])
}
