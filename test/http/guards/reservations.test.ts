import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { newUploadId, postChunk, postJson } from '../../helpers/callers/client.ts'
import { createTus, offsetOf, patchTus, tusHeaders } from '../../helpers/callers/tus.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

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

test('opened uploads without bytes leave capacity to other users', async () => {
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

test.each(['first', 'last'] as const)(
  'chunks that come at once open their upload together, where there is room for it and no more (bytes %s)',
  async (filePart) => {
    const { url } = await startWorker({
      env: { ...LIMITS, SPOOL_MAX_BYTES: '4MB', MAX_BYTES_PER_USER: '4MB' },
      ...{ gateway: createFakeGateway(), credentials: testCredentials, ledgerDelays: 7 },
    })
    const form = formOf('ann', 4)

    const answers = await Promise.all(
      [0, 1, 2, 3].map((chunkIndex) =>
        postChunk(url, { ...form, chunkIndex, chunk: Buffer.alloc(MiB) }, filePart),
      ),
    )

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  },
)

test('an opened upload keeps its reservation for ten minutes, against bytes too', async () => {
  const { url, adapters } = await start()
  const eve = newUploadId()
  expect((await init(url, 'eve', 4, eve)).status).toBe(200)
  const stream = await createTus(url, 'token-mallory', { 'upload-length': String(4 * MiB) })
  const { ledger, now } = adapters
  for (const id of [eve, stream]) await ledger.touchUpload(id, now() - 10 * MINUTE + 30_000)

  const refused = [await init(url, 'ann', 4), await bring(url, 'ann', 4)]
  const patch = { offset: 0, bytes: randomBytes(1), token: 'token-mallory' }

  expect(refused.map(({ status }) => status)).toEqual([507, 507])
  expect((await bring(url, 'eve', 4, eve)).status).toBe(200)
  expect((await patchTus(url, stream, patch)).status).toBe(204)
})

test.each([
  ['an init', init],
  ['a chunk', bring],
  [
    'a creation by tus',
    (url: string, user: string, megabytes: number) => {
      const headers = tusHeaders(`token-${user}`, { 'upload-length': String(megabytes * MiB) })
      return fetch(`${url}/files`, { method: 'POST', headers })
    },
  ],
  [
    'a small file',
    (url: string, user: string, megabytes: number) => {
      const body = new FormData()
      body.append('file', new Blob([Buffer.alloc(megabytes * MiB)]), 'a.bin')
      const headers = { authorization: `Bearer token-${user}` }
      return fetch(`${url}/upload`, { method: 'POST', headers, body })
    },
  ],
])(
  '%s takes the reservation of an expired upload without waiting for a sweep',
  async (_name, send) => {
    const { url, adapters } = await start()
    const begun = await createTus(url, 'token-eve', { 'upload-length': String(4 * MiB) })
    await patchTus(url, begun, { offset: 0, bytes: randomBytes(1), token: 'token-eve' })
    const [young, old] = [newUploadId(), newUploadId()]
    await init(url, 'mallory', 2, young)
    await init(url, 'mallory', 2, old)
    const { ledger, now } = adapters
    for (const id of [begun, old]) await ledger.touchUpload(id, now() - 10 * MINUTE)

    const answer = await send(url, 'ann', 1)

    expect([200, 201]).toContain(answer.status)
    expect(await offsetOf(url, begun, 'token-eve')).toBe(1)
    expect([await statusOf(url, young), await statusOf(url, old)]).toEqual([200, 404])
  },
)

test.each([
  ['whose size fits nothing', { chunkIndex: 0, chunk: Buffer.alloc(1) }, 'CHUNK_SIZE_WRONG'],
  ['beyond the last one', { chunkIndex: 4, chunk: Buffer.alloc(MiB) }, 'CHUNK_OUT_OF_RANGE'],
])('a chunk %s opens no upload', async (_name, sent, code) => {
  const { url, adapters } = await start()
  const uploadId = newUploadId()

  const refused = await postChunk(url, { ...formOf('ann', 4, uploadId), ...sent }, 'last')

  expect([refused.status, (await refused.json()).code]).toEqual([400, code])
  expect(await adapters.ledger.findUpload(uploadId)).toBeNull()
})

test('an upload with bytes keeps its reservation', async () => {
  const { url } = await start()
  const held = [newUploadId(), newUploadId()]
  for (const [at, id] of held.entries()) await bring(url, `user${at}`, 4, id)

  const refused = await bring(url, 'ann', 1)
  const statuses = held.map((id) => fetch(`${url}/upload-status/${id}`))

  expect([refused.status, (await refused.json()).code]).toEqual([507, 'SPOOL_FULL'])
  for (const { status } of await Promise.all(statuses)) expect(status).toBe(200)
})

test('uploads that open at once share the reservations of expired ones', async () => {
  const { url, adapters } = await start()
  for (const user of ['eve', 'mallory']) {
    for (let count = 0; count < 4; count++) {
      const uploadId = newUploadId()
      await init(url, user, 1, uploadId)
      await adapters.ledger.touchUpload(uploadId, adapters.now() - 10 * MINUTE)
    }
  }

  const users = ['ann', 'bob', 'cid', 'dan']
  const answers = await Promise.all(users.map((user) => bring(url, user, 2)))

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect((await adapters.ledger.reservations()).reservedBytes).toBe(8 * MiB)
})

test('an upload without a byte is forgotten after ten minutes, on every way in', async () => {
  const dataDir = await makeTempDir()
  const before = await start({}, dataDir)
  const [chunked, kept] = [newUploadId(), newUploadId()]
  await init(before.url, 'ann', 1, chunked)
  await bring(before.url, 'ann', 1, kept)
  const tus = await createTus(before.url, 'token-ann', { 'upload-length': '3000' })
  const { ledger, now } = before.adapters
  for (const id of [chunked, kept, tus]) await ledger.touchUpload(id, now() - 10 * MINUTE)
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

test('the age of an upload survives a restart, and a younger one stays', async () => {
  const dataDir = await makeTempDir()
  const before = await start({}, dataDir)
  const young = newUploadId()
  await init(before.url, 'ann', 1, young)
  await before.adapters.ledger.touchUpload(young, before.adapters.now() - 9 * MINUTE)
  const old = newUploadId()
  await init(before.url, 'ann', 1, old)
  await before.adapters.ledger.touchUpload(old, before.adapters.now() - 10 * MINUTE)
  await before.close()

  const { url } = await start({}, dataDir)
  await expect.poll(() => statusOf(url, old)).toBe(404)

  expect(await statusOf(url, young)).toBe(200)
})

test.each([
  ['an empty PATCH', Buffer.alloc(0), {}, 204],
  ['bytes that are thrown away', randomBytes(100), { 'upload-checksum': wrongChecksum() }, 460],
])('%s does not make an upload live longer', async (_name, bytes, headers, status) => {
  const { url, adapters } = await start()
  const uploadId = await createTus(url, 'token-ann', { 'upload-length': '3000' })
  const long = adapters.now() - 9 * MINUTE
  await adapters.ledger.touchUpload(uploadId, long)

  const answer = await patchTus(url, uploadId, { offset: 0, bytes, token: 'token-ann', headers })

  expect(answer.status).toBe(status)
  expect((await adapters.ledger.findUpload(uploadId))?.touchedAt).toBe(long)
})

function wrongChecksum(): string {
  return `sha256 ${createHash('sha256').update('others').digest('base64')}`
}

test('/readyz tells the reserved bytes', async () => {
  const { url } = await start()
  await init(url, 'ann', 1)
  await bring(url, 'eve', 2)
  const promised = { reservedBytes: 3 * MiB, limitBytes: 8 * MiB }

  const ready = await (await fetch(`${url}/readyz`)).json()
  const metrics = await (await fetch(`${url}/metrics`)).json()
  const text = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })

  expect(ready.dependencies.capacity).toEqual({ ready: true, ...promised })
  expect(metrics.spool).toMatchObject({ reserved_bytes: 3 * MiB, limit_bytes: 8 * MiB })
  expect(await text.text()).toContain(`telestore_spool_reserved_bytes ${3 * MiB}\n`)
})
