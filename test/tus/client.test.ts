import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { startWorker, testCredentials } from '../helpers/app.ts'
import { pollToEnd, sha256 } from '../helpers/client.ts'
import { createFakeGateway } from '../helpers/fake-gateway.ts'
import { makeTusUpload } from '../helpers/tus.ts'

async function startTus(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials, env })
  return { ...worker, gateway }
}

test('a file comes by tus, is sent while it arrives, and completes by itself', async () => {
  const { url, gateway } = await startTus()
  gateway.early = true
  const bytes = randomBytes(12 * MiB + 345)
  const { upload, finished } = makeTusUpload(url, bytes, { token: 'token-ann' })

  upload.start()
  const uploadId = await finished
  const end = (await pollToEnd(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed', messageId: 1 })
  const [posted] = gateway.posted
  expect(posted).toMatchObject({ name: 'film.mkv', mimeType: 'video/x-matroska' })
  expect(sha256(posted?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
  expect(gateway.earlyParts.length).toBeGreaterThan(0)
})

test('one request for a whole file is cut into chunks like any other', async () => {
  const { url, gateway } = await startTus()
  const bytes = randomBytes(17 * MiB)
  const { upload, finished } = makeTusUpload(url, bytes, {
    token: 'token-ann',
    chunkSize: Number.POSITIVE_INFINITY,
  })

  upload.start()
  const uploadId = await finished

  await pollToEnd(url, uploadId)
  expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
})

test('tiny requests of a size that fits nothing become whole chunks', async () => {
  const { url, gateway } = await startTus()
  const bytes = randomBytes(6 * MiB)
  const options = { token: 'token-ann', chunkSize: 377 * KiB + 1 }
  const { upload, finished } = makeTusUpload(url, bytes, options)

  upload.start()
  const uploadId = await finished

  await pollToEnd(url, uploadId)
  expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
})

test('parallel uploads become one file in one message', async () => {
  const { url, gateway, adapters } = await startTus()
  const bytes = randomBytes(20 * MiB + 11)
  const { upload, finished } = makeTusUpload(url, bytes, { token: 'token-ann', parallelUploads: 3 })

  upload.start()
  const uploadId = await finished
  const end = (await pollToEnd(url, uploadId)).at(-1)

  expect(end?.status).toBe('completed')
  expect(gateway.posted).toHaveLength(1)
  expect(gateway.posted[0]).toMatchObject({ name: 'film.mkv' })
  expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
  expect(adapters.ledger.reservedBytes()).toBe(0)
})
