import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  chunkForm,
  newUploadId,
  postJson,
  sendChunks,
  uploadFile,
} from '../helpers/callers/client.ts'
import { loginAnswer, startBackend } from '../helpers/peers/fake-backend.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { stopClock } from '../helpers/stopped-clock.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const ann = 'token-ann'
const bytes = randomBytes(1000)

interface Issued {
  success: boolean
  ticket: string
  url: string
  expiresAt: string
}

/** A worker with two files of Ann's. */
async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const first = await uploadFile(worker.url, 'a.txt', bytes, { token: ann })
  const second = await uploadFile(worker.url, 'b.txt', randomBytes(10), { token: ann })
  return { ...worker, first, second }
}

async function issue(url: string, wish: object, token = ann): Promise<Issued> {
  const answer = await postJson(`${url}/tickets`, { ...wish, authToken: token })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Issued
}

async function codeOf(answer: Response): Promise<[number, string]> {
  return [answer.status, ((await answer.json()) as { code: string }).code]
}

function revokeAll(url: string, token: string): Promise<Response> {
  return fetch(`${url}/tickets`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  })
}

test('a link for one message opens it, in the query and as a header', async () => {
  const { url, first } = await start()
  const before = Date.now()

  const { messageId } = first
  const issued = await issue(url, {
    messageId,
    fileName: 'фильм & 1.txt',
    disposition: 'attachment',
  })
  const after = Date.now()
  const linked = await fetch(url + issued.url, { headers: { range: 'bytes=10-19' } })
  const bearer = await fetch(`${url}/download?messageId=${messageId}`, {
    headers: { authorization: `Bearer ${issued.ticket}` },
  })

  expect(issued.success).toBe(true)
  expect(issued.ticket).toMatch(/^tkt_[\w-]+$/)
  // It is rounded up to a whole second.
  expect(Date.parse(issued.expiresAt)).toBeGreaterThanOrEqual(before + 3_600_000)
  expect(Date.parse(issued.expiresAt)).toBeLessThan(after + 3_601_000)
  expect(linked.status).toBe(206)
  expect(Buffer.from(await linked.arrayBuffer())).toEqual(bytes.subarray(10, 20))
  expect(linked.headers.get('content-disposition')).toMatch(/^attachment.*%20%26%201\.txt/)
  expect(Buffer.from(await bearer.arrayBuffer())).toEqual(bytes)
})

test('a ticket opens only its message', async () => {
  const { url, first, second } = await start()
  const { ticket } = await issue(url, { messageId: first.messageId })

  const other = await fetch(`${url}/download?messageId=${second.messageId}&token=${ticket}`)
  const progress = await fetch(`${url}/upload-progress/${first.uploadId}?token=${ticket}`)

  expect(await codeOf(other)).toEqual([403, 'FORBIDDEN'])
  expect(await codeOf(progress)).toEqual([403, 'FORBIDDEN'])
})

test('a ticket for an upload shows only its progress', async () => {
  const { url, first, second } = await start()
  const issued = await issue(url, { uploadId: first.uploadId })
  const { ticket } = issued

  expect(issued.url).toBe(`/upload-progress/${first.uploadId}?token=${ticket}`)
  const shown = await fetch(url + issued.url)
  expect(await shown.json()).toMatchObject({ status: 'completed', messageId: first.messageId })
  const other = await fetch(`${url}/upload-progress/${second.uploadId}?token=${ticket}`)
  expect(await codeOf(other)).toEqual([403, 'FORBIDDEN'])
  const file = await fetch(`${url}/download?messageId=${first.messageId}&token=${ticket}`)
  expect(await codeOf(file)).toEqual([403, 'FORBIDDEN'])
})

test('no call that changes anything takes a ticket', async () => {
  const { url } = await start()
  const { uploadId } = await sendChunks(url, 'c.txt', bytes, { token: ann })
  const { ticket } = await issue(url, { uploadId })
  const headers = { authorization: `Bearer ${ticket}` }
  const file = { uploadId: newUploadId(), fileName: 'd', totalChunks: 1, fileSize: 1 }
  const chunk = chunkForm({ ...file, chunkIndex: 0, chunk: Buffer.from('d'), authToken: ticket })

  const answers = await Promise.all([
    postJson(`${url}/init-upload`, { ...file, authToken: ticket }),
    fetch(`${url}/upload-chunk`, { method: 'POST', body: chunk }),
    postJson(`${url}/complete-upload`, { uploadId, authToken: ticket }),
    postJson(`${url}/cancel-upload`, { uploadId }, headers),
    fetch(`${url}/upload-status/${uploadId}`, { headers }),
    postJson(`${url}/tickets`, { uploadId }, headers),
    revokeAll(url, ticket),
  ])

  for (const answer of answers) expect(await codeOf(answer)).toEqual([401, 'TOKEN_REFUSED'])
})

test("another user's upload, or an unknown one, gets no ticket", async () => {
  const { url, first } = await start()

  for (const [uploadId, authToken] of [
    [first.uploadId, 'token-bob'],
    ['unknown', ann],
  ]) {
    const answer = await postJson(`${url}/tickets`, { uploadId, authToken })
    expect(await codeOf(answer)).toEqual([404, 'UPLOAD_NOT_FOUND'])
  }
})

test('a ticket expires in time', async () => {
  const { url, first } = await start()
  const issued = await issue(url, { messageId: first.messageId, expiresIn: 60 })
  expect((await fetch(url + issued.url)).status).toBe(200)

  stopClock().pass(61_000)

  expect(await codeOf(await fetch(url + issued.url))).toEqual([401, 'TOKEN_REFUSED'])
})

test('all tickets of one user are revoked at once, and new ones work', async () => {
  const { url, first } = await start()
  const wish = { messageId: first.messageId }
  const { url: link } = await issue(url, wish)
  const { url: progress } = await issue(url, { uploadId: first.uploadId })
  const { url: bobs } = await issue(url, wish, 'token-bob')

  const answer = await revokeAll(url, ann)

  expect([answer.status, await answer.json()]).toEqual([
    200,
    expect.objectContaining({ success: true }),
  ])
  expect(await codeOf(await fetch(url + link))).toEqual([401, 'TOKEN_REFUSED'])
  expect(await codeOf(await fetch(url + progress))).toEqual([401, 'TOKEN_REFUSED'])
  expect((await fetch(url + bobs)).status).toBe(200)
  expect((await fetch(url + (await issue(url, wish)).url)).status).toBe(200)
  expect((await fetch(url + link)).status).toBe(401)
})

test.each([
  [{}, 'messageId'],
  [{ messageId: 1, uploadId: 'a' }, 'messageId'],
  [{ messageId: 0 }, 'messageId'],
  [{ uploadId: '../a' }, 'uploadId'],
  [{ messageId: 1, expiresIn: 0 }, 'expiresIn'],
  [{ messageId: 1, expiresIn: 604_801 }, 'expiresIn'],
  [{ messageId: 1, disposition: 'both' }, 'disposition'],
])('%j is refused, and the refusal names the field', async (wish, field) => {
  const { url } = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })

  const answer = await postJson(`${url}/tickets`, { ...wish, authToken: ann })

  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', field })
})

test('without a login token there is no ticket, and a forged one opens nothing', async () => {
  const { url, first } = await start()
  const { ticket } = await issue(url, { messageId: first.messageId })
  const forged = ticket.slice(0, -1) + (ticket.endsWith('A') ? 'B' : 'A')

  const none = await postJson(`${url}/tickets`, { messageId: 1 })
  const refused = await postJson(`${url}/tickets`, { messageId: 1, authToken: 'nonsense' })
  const file = await fetch(`${url}/download?messageId=${first.messageId}&token=${forged}`)

  expect(await codeOf(none)).toEqual([401, 'TOKEN_MISSING'])
  expect(await codeOf(refused)).toEqual([401, 'TOKEN_REFUSED'])
  expect(await codeOf(file)).toEqual([401, 'TOKEN_REFUSED'])
})

test('a ticket outlives the process, not the login it was made with', async () => {
  const backend = await startBackend()
  const token = `login-${randomBytes(16).toString('hex')}`
  backend.logins.set(token, loginAnswer('ann'))
  const dataDir = await mkdtemp(join(tmpdir(), 'tickets-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const options = { env: { BACKEND_URL: backend.url }, gateway: createFakeGateway(), dataDir }
  const before = await startWorker(options)
  const { messageId } = await uploadFile(before.url, 'a.txt', bytes, { token })
  const { url: link } = await issue(before.url, { messageId }, token)

  await before.close()
  for (const file of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name))).not.toContain(token)
  }
  const after = await startWorker(options)
  expect((await fetch(after.url + link)).status).toBe(200)
  await after.close()

  backend.logins.delete(token)
  const later = await startWorker(options)
  expect(await codeOf(await fetch(later.url + link))).toEqual([401, 'TOKEN_REFUSED'])
})

test('a page of another origin may revoke tickets', async () => {
  const { url } = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })

  const preflight = await fetch(`${url}/tickets`, {
    method: 'OPTIONS',
    headers: { origin: 'https://drive.example', 'access-control-request-method': 'DELETE' },
  })

  expect(preflight.headers.get('access-control-allow-methods')).toContain('DELETE')
})

test('the tickets that one token issues in a minute are limited', async () => {
  const { url, first } = await start()
  // However long the calls take, the minute does not end.
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const issue = (authToken: string) =>
    postJson(`${url}/tickets`, { messageId: first.messageId, authToken })

  const statuses: number[] = []
  for (let count = 0; count <= 600; count++) statuses.push((await issue(ann)).status)

  expect(new Set(statuses.slice(0, 600))).toEqual(new Set([200]))
  expect(statuses[600]).toBe(429)
  expect((await issue('token-bob')).status).toBe(200)
})
