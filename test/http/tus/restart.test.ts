import { randomBytes } from 'node:crypto'
import { appendFile, readdir, unlink } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { createTus, offsetOf, patchTus, tusHeaders } from '../../helpers/callers/tus.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

test('an upload whose last byte came just before a crash completes after the restart', async () => {
  const dataDir = await makeTempDir()
  const gateway = createFakeGateway()
  const options = { dataDir, gateway, credentials: testCredentials }
  const first = await startWorker(options)
  const bytes = randomBytes(3000)
  const uploadId = await createTus(first.url, 'token-ann', { 'upload-length': '3000' })
  const partId = await createTus(first.url, 'token-ann', {
    'upload-length': '3000',
    'upload-concat': 'partial',
  })
  for (const id of [uploadId, partId]) {
    await patchTus(first.url, id, { offset: 0, bytes: bytes.subarray(0, 2999) })
  }
  await first.close()
  // As a process leaves it that died before it could say that the file is whole.
  for (const id of [uploadId, partId]) {
    await appendFile(join(dataDir, 'spool', 'uploads', id, '0.growing'), bytes.subarray(2999))
  }

  const second = await startWorker(options)

  await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
  expect(gateway.posted[0]?.bytes).toEqual(bytes)
  expect(await offsetOf(second.url, uploadId)).toBe(3000)
  expect(await offsetOf(second.url, partId)).toBe(3000)
  expect((await second.adapters.ledger.findUpload(partId))?.state).toBe('receiving')
})

test('after a loss in the middle the bytes behind it are not taken twice', async () => {
  const dataDir = await makeTempDir()
  const gateway = createFakeGateway()
  const options = { dataDir, gateway, credentials: testCredentials }
  const first = await startWorker(options)
  const bytes = randomBytes(12 * MiB)
  const length = String(bytes.length)
  const uploadId = await createTus(first.url, 'token-ann', { 'upload-length': length })
  await patchTus(first.url, uploadId, { offset: 0, bytes: bytes.subarray(0, 11 * MiB) })
  await first.close()
  await unlink(join(dataDir, 'spool', 'uploads', uploadId, '1.chunk'))

  const second = await startWorker(options)
  const offset = await offsetOf(second.url, uploadId)
  await patchTus(second.url, uploadId, { offset, bytes: bytes.subarray(offset) })

  expect(offset).toBe(5 * MiB)
  await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
  expect(gateway.posted[0]?.bytes.equals(bytes)).toBe(true)
})

test('a worker that stops keeps the bytes of a running request', async () => {
  const dataDir = await makeTempDir()
  const options = { dataDir, gateway: createFakeGateway(), credentials: testCredentials }
  // A busy machine may need longer for its bytes than the grace of other tests.
  const first = await startWorker({ ...options, env: { SHUTDOWN_GRACE_MS: '60000' } })
  const uploadId = await createTus(first.url, 'token-ann', { 'upload-length': '3000' })
  const sending = request(`${first.url}/files/${uploadId}`, {
    method: 'PATCH',
    headers: tusHeaders('token-ann', {
      'upload-offset': '0',
      'content-type': 'application/offset+octet-stream',
      'content-length': '3000',
    }),
  })
  sending.on('error', () => {})
  sending.write(Buffer.alloc(1000))
  // The file is opened once the bytes are here; they are written with those to come, or at the end.
  const folder = join(dataDir, 'spool', 'uploads', uploadId)
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual(['0.growing']))

  await first.close()

  const second = await startWorker(options)
  expect(await offsetOf(second.url, uploadId)).toBe(1000)
})
