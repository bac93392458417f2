import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { startWorker, testCredentials } from '../helpers/app.ts'
import { pollToEnd, postJson, sha256 } from '../helpers/client.ts'
import { createFakeGateway } from '../helpers/fake-gateway.ts'
import { createTus, idIn, metadataOf, offsetOf, patchTus, tusHeaders } from '../helpers/tus.ts'

const ANN = 'token-ann'

async function startTus(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials, env })
  return { ...worker, gateway }
}

async function createPart(url: string, bytes: Buffer, token = ANN): Promise<string> {
  const headers = { 'upload-length': String(bytes.length), 'upload-concat': 'partial' }
  const uploadId = await createTus(url, token, headers)
  await patchTus(url, uploadId, { offset: 0, bytes })
  return uploadId
}

function joinAll(url: string, parts: string[], token = ANN): Promise<Response> {
  const urls = parts.map((part, index) => (index === 0 ? `${url}/files/${part}` : `/files/${part}`))
  return fetch(`${url}/files`, {
    method: 'POST',
    headers: tusHeaders(token, {
      'upload-concat': `final;${urls.join(' ')}`,
      'upload-metadata': metadataOf({ filename: 'whole.bin' }),
    }),
  })
}

test('parts of any size become one file in the order that was asked for', async () => {
  const { url, gateway } = await startTus()
  const pieces = [7 * MiB + 1, 1, 5 * MiB, 999].map((size) => randomBytes(size))
  const parts: string[] = []
  for (const piece of pieces) parts.push(await createPart(url, piece))

  const response = await joinAll(url, parts.toReversed())
  expect(response.status).toBe(201)
  const uploadId = idIn(response.headers.get('location'))
  await pollToEnd(url, uploadId)

  const whole = Buffer.concat(pieces.toReversed())
  expect(gateway.posted).toHaveLength(1)
  expect(gateway.posted[0]?.name).toBe('whole.bin')
  expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(whole))
  const head = await fetch(`${url}/files/${uploadId}`, { method: 'HEAD', headers: tusHeaders(ANN) })
  expect(head.headers.get('upload-concat')).toMatch(/^final;/)
  expect(head.headers.get('upload-length')).toBe(String(whole.length))
  expect(head.headers.get('upload-offset')).toBe(String(whole.length))
})

test('a client that lost the answer asks again and gets the same upload', async () => {
  const { url, gateway, dataDir } = await startTus()
  const parts = [await createPart(url, randomBytes(1000)), await createPart(url, randomBytes(10))]

  const [first, again] = await Promise.all([joinAll(url, parts), joinAll(url, parts)])
  const later = await joinAll(url, parts)

  const location = first.headers.get('location')
  expect(again.headers.get('location')).toBe(location)
  expect(later.headers.get('location')).toBe(location)
  // Its parts look whole to it, so that it does not send them again.
  expect(await offsetOf(url, parts[0] ?? '')).toBe(1000)
  await pollToEnd(url, idIn(location))
  expect(gateway.posted).toHaveLength(1)
  const folders = join(dataDir, 'spool', 'uploads')
  await vi.waitFor(async () => expect(await readdir(folders)).toEqual([]))
})

test('what cannot be joined is refused, and its parts stay', async () => {
  const { url, gateway } = await startTus({ MAX_FILE_SIZE: '10MB' })
  const part = await createPart(url, randomBytes(1000))
  const foreign = await createPart(url, randomBytes(1000), 'token-ben')
  const unfinished = await createTus(url, ANN, { 'upload-length': '9', 'upload-concat': 'partial' })
  const whole = await createTus(url, ANN, { 'upload-length': '5' })
  const large = [
    await createPart(url, randomBytes(6 * MiB)),
    await createPart(url, randomBytes(6 * MiB)),
  ]

  expect((await joinAll(url, [part, 'never-made'])).status).toBe(404)
  expect((await joinAll(url, [part, foreign])).status).toBe(404)
  expect((await joinAll(url, [part, whole])).status).toBe(404)
  expect((await joinAll(url, [part, unfinished])).status).toBe(400)
  expect((await joinAll(url, [part, part])).status).toBe(400)
  expect((await joinAll(url, large)).status).toBe(413)
  expect(await offsetOf(url, part)).toBe(1000)

  expect((await joinAll(url, [part])).status).toBe(201)
  await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
})

test('a part is never posted by itself, and a joined upload takes no bytes', async () => {
  const { url, gateway } = await startTus()
  const part = await createPart(url, randomBytes(1000))

  const completed = await postJson(`${url}/complete-upload`, { uploadId: part })
  expect(completed.status).toBe(400)
  expect(gateway.posted).toEqual([])

  const joined = idIn((await joinAll(url, [part])).headers.get('location'))
  const patched = await patchTus(url, joined, { offset: 1000, bytes: Buffer.alloc(0) })
  expect(patched.status).toBe(403)
})
