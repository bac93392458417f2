import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { startWorker, testCredentials } from '../helpers/app.ts'
import { newUploadId, postChunk, postJson } from '../helpers/client.ts'
import { createFakeGateway } from '../helpers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { createTus, offsetOf, patchTus, tusHeaders } from '../helpers/tus.ts'

const MINUTE = 60_000
const LIMITS = { SPOOL_MAX_BYTES: '8MB', MAX_FILE_SIZE: '4MB', AUTH_TOKENS: 'token-ann,token-eve' }

function start(env: Record<string, string> = {}, dataDir?: string) {
  return startWorker({
    env: { ...LIMITS, ...env },
    gateway: createFakeGateway(),
    credentials: testCredentials,
    ...(dataDir !== undefined && { dataDir }),
  })
}

function formOf(user: string, megabytes: number, uploadId = newUploadId()) {
  return {
    uploadId,
    totalChunks: 4,
    fileName: 'a.bin',
    fileSize: megabytes * MiB,
    authToken: `token-${user}`,
  }
}

function init(url: string, user: string, megabytes: number, uploadId = newUploadId()) {
  return postJson(`${url}/init-upload`, formOf(user, megabytes, uploadId))
}

/** The first of four chunks. */
function bring(url: string, user: string, megabytes: number, uploadId = newUploadId()) {
  const chunk = Buffer.alloc((megabytes * MiB) / 4)
  return postChunk(url, { ...formOf(user, megabytes, uploadId), chunkIndex: 0, chunk }, 'last')
}

test('a user who opens uploads and sends nothing leaves room for others', async () => {
  const { url } = await start()

  const opened = await Promise.all(Array.from({ length: 20 }, () => init(url, 'eve', 1)))
  const other = await init(url, 'ann', 4)

  const statuses = opened.map(({ status }) => status).toSorted()
  expect(statuses).toEqual([...Array(4).fill(200), ...Array(16).fill(507)])
  expect(await opened.find(({ status }) => status === 507)?.json()).toMatchObject({
    code: 'QUOTA_EXCEEDED',
  })
  expect(other.status).toBe(200)
})

test('users who fill the spool together without a byte keep nobody out who brings some', async () => {
  const { url, adapters } = await start()
  const eve = newUploadId()
  expect((await init(url, 'eve', 4, eve)).status).toBe(200)
  expect((await init(url, 'mallory', 4)).status).toBe(200)

  const late = await init(url, 'ann', 4)
  const brought = await bring(url, 'ann', 4)
  const reopened = await bring(url, 'eve', 4, eve)

  expect([late.status, brought.status, reopened.status]).toEqual([507, 200, 200])
  expect(adapters.ledger.reservedBytes()).toBe(8 * MiB)
  expect(adapters.ledger.bytelessBytes()).toBe(0)
})

test('an upload with bytes gives way to nobody', async () => {
  const { url } = await start()
  const held = [newUploadId(), newUploadId()]
  for (const [at, id] of held.entries()) await bring(url, `user${at}`, 4, id)

  const refused = await bring(url, 'ann', 1)
  const statuses = held.map((id) => fetch(`${url}/upload-status/${id}`))

  expect([refused.status, (await refused.json()).code]).toEqual([507, 'SPOOL_FULL'])
  for (const { status } of await Promise.all(statuses)) expect(status).toBe(200)
})

test('a stream whose first bytes are there gives way to nobody', async () => {
  const { url } = await start()
  const begun = await createTus(url, 'token-eve', { 'upload-length': String(4 * MiB) })
  await patchTus(url, begun, { offset: 0, bytes: randomBytes(1), token: 'token-eve' })
  const waiting = await createTus(url, 'token-mallory', { 'upload-length': String(4 * MiB) })

  const brought = await bring(url, 'ann', 4)

  expect(brought.status).toBe(200)
  expect(await offsetOf(url, begun, 'token-eve')).toBe(1)
  await expect(offsetOf(url, waiting, 'token-mallory')).rejects.toThrow('404')
})

test('newcomers that come at once each find the room that was freed for them', async () => {
  const { url } = await start()
  for (const user of ['eve', 'mallory']) {
    for (let count = 0; count < 4; count++) await init(url, user, 1)
  }

  const answers = await Promise.all(['ann', 'bob', 'cid', 'dan'].map((user) => bring(url, user, 2)))

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
})

test('an upload without a byte is forgotten after ten minutes, on every way in', async () => {
  const dataDir = await makeTempDir()
  const before = await start({}, dataDir)
  const [chunked, kept] = [newUploadId(), newUploadId()]
  await init(before.url, 'ann', 1, chunked)
  await bring(before.url, 'ann', 1, kept)
  const tus = await createTus(before.url, 'token-ann', { 'upload-length': '3000' })
  const { ledger, now } = before.adapters
  for (const id of [chunked, kept, tus]) ledger.touchUpload(id, now() - 10 * MINUTE)
  await before.close()

  // It sweeps as it begins.
  const { url, app } = await start({}, dataDir)
  await app.server.ready()
  await expect.poll(() => statusOf(url, chunked)).toBe(404)

  expect(await statusOf(url, kept)).toBe(200)
  await expect.poll(() => offsetOf(url, tus, 'token-ann').catch(String)).toContain('404')
  expect((await bring(url, 'ann', 1, chunked)).status).toBe(200)
})

async function statusOf(url: string, uploadId: string): Promise<number> {
  return (await fetch(`${url}/upload-status/${uploadId}`)).status
}

test('times survive a restart: what is younger stays', async () => {
  const dataDir = await makeTempDir()
  const before = await start({}, dataDir)
  const young = newUploadId()
  await init(before.url, 'ann', 1, young)
  before.adapters.ledger.touchUpload(young, before.adapters.now() - 9 * MINUTE)
  const old = newUploadId()
  await init(before.url, 'ann', 1, old)
  before.adapters.ledger.touchUpload(old, before.adapters.now() - 10 * MINUTE)
  await before.close()

  const { url } = await start({}, dataDir)
  await expect.poll(() => statusOf(url, old)).toBe(404)

  expect(await statusOf(url, young)).toBe(200)
})

test.each([
  ['an empty PATCH', Buffer.alloc(0), {}],
  ['bytes that are thrown away', randomBytes(100), { 'upload-checksum': wrongChecksum() }],
])('%s does not keep an upload for longer', async (_name, bytes, headers) => {
  const { url, adapters } = await start()
  const uploadId = await createTus(url, 'token-ann', { 'upload-length': '3000' })
  const long = adapters.now() - 9 * MINUTE
  adapters.ledger.touchUpload(uploadId, long)

  await patchTus(url, uploadId, { offset: 0, bytes, token: 'token-ann', headers })

  expect(adapters.ledger.findUpload(uploadId)?.touchedAt).toBe(long)
})

function wrongChecksum(): string {
  return `sha256 ${createHash('sha256').update('others').digest('base64')}`
}

test('what is promised is told', async () => {
  const { url } = await start()
  await init(url, 'ann', 1)
  await bring(url, 'eve', 2)
  const promised = { reservedBytes: 3 * MiB, bytelessBytes: MiB, limitBytes: 8 * MiB }

  const ready = await (await fetch(`${url}/readyz`)).json()
  const metrics = await (await fetch(`${url}/metrics`)).json()
  const text = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })

  expect(ready.dependencies.capacity).toEqual({ ready: true, ...promised })
  expect(metrics.spool).toMatchObject({ reserved_bytes: 3 * MiB, byteless_bytes: MiB })
  expect(await text.text()).toContain(`telestore_spool_byteless_bytes ${MiB}\n`)
})

test('a creation by tus shares the room as an init does', async () => {
  const { url } = await start()
  await createTus(url, 'token-eve', { 'upload-length': String(4 * MiB) })
  for (let count = 0; count < 4; count++) {
    const headers = { 'upload-length': String(MiB), 'upload-concat': 'partial' }
    await createTus(url, 'token-mallory', headers)
  }

  const headers = tusHeaders('token-ann', { 'upload-length': String(MiB) })
  const created = await fetch(`${url}/files`, { method: 'POST', headers })

  expect(created.status).toBe(201)
})
