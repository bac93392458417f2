import { expect, test } from 'vitest'
import { newUploadId, postChunk, sha256 } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const token = 'token-ann'

async function start() {
  const { url } = await startWorker({
    gateway: createFakeGateway(),
    credentials: testCredentials,
  })
  const uploadId = newUploadId()
  const form = { uploadId, totalChunks: 2, fileName: 'a', fileSize: 4, authToken: token }
  const status = (headers: Record<string, string>) =>
    fetch(`${url}/upload-status/${uploadId}`, { headers }).then((answer) => answer.json())
  return { url, form, status }
}

test('a chunk that does not match its digest is refused, and nothing of it is kept', async () => {
  const { url, form, status } = await start()
  const chunk = Buffer.from('ab')
  const damaged = { ...form, chunkIndex: 0, chunk, chunkDigest: sha256(Buffer.from('xy')) }

  const refused = await postChunk(url, damaged)
  const good = { ...form, chunkIndex: 0, chunk, chunkDigest: sha256(chunk).toUpperCase() }
  const statusBefore = await status({})
  const taken = await postChunk(url, good)

  expect(refused.status).toBe(400)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ code: 'CHUNK_DAMAGED' })
  expect(statusBefore).toMatchObject({ code: 'UPLOAD_NOT_FOUND' })
  expect(await taken.json()).toMatchObject({ success: true, received_chunks: 1 })
})

test('a malformed digest is refused, and the refusal names the field', async () => {
  const { url, form } = await start()

  const refused = await postChunk(url, {
    ...form,
    chunkIndex: 0,
    chunk: Buffer.from('ab'),
    chunkDigest: 'nonsense',
  })

  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ code: 'INVALID_REQUEST', field: 'chunkDigest' })
})

test('the status has the digests of received chunks for a caller with the token, not with the id alone', async () => {
  const { url, form, status } = await start()
  const chunk = Buffer.from('cd')
  await postChunk(url, { ...form, chunkIndex: 1, chunk })

  const owner = await status({ authorization: `Bearer ${token}` })
  const stranger = await status({})

  expect(owner).toMatchObject({
    received_chunk_indices: [1],
    received_chunk_digests: [sha256(chunk)],
  })
  expect(stranger).toMatchObject({ received_chunk_indices: [1] })
  expect(stranger).not.toHaveProperty('received_chunk_digests')
})
