import { expect, test, vi } from 'vitest'
import { chunkForm, newUploadId } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

function start(env: Record<string, string>) {
  return startWorker({ env, gateway: createFakeGateway(), credentials: testCredentials })
}

const someChunk = () =>
  chunkForm({
    uploadId: newUploadId(),
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 'a.bin',
    fileSize: 10,
    authToken: 'token-ann',
    chunk: Buffer.alloc(10),
  })

test('a process short of memory refuses bytes and tells when to try again', async () => {
  // Far below what any process has.
  const { url } = await start({ MAX_RSS_BYTES: '1MB' })

  const refused = await vi.waitFor(async () => {
    const answer = await fetch(`${url}/upload-chunk`, { method: 'POST', body: someChunk() })
    expect(answer.status).toBe(503)
    return answer
  })

  expect(refused.headers.get('retry-after')).toBe('5')
  expect(await refused.json()).toMatchObject({ code: 'BUSY' })
  const download = await fetch(`${url}/download?messageId=1&token=token-ann`)
  expect(download.status).toBe(503)
})

test('under pressure clients still learn how their uploads are', async () => {
  const { url } = await start({ MAX_RSS_BYTES: '1MB' })

  await vi.waitFor(async () => {
    const refused = await fetch(`${url}/upload-chunk`, { method: 'POST', body: someChunk() })
    expect(refused.status).toBe(503)
  })

  expect((await fetch(`${url}/health`)).status).toBe(200)
  expect((await fetch(`${url}/upload-progress/unknown`)).status).toBe(404)
})

test('a process with enough memory takes bytes', async () => {
  const { url } = await start({})

  const taken = await fetch(`${url}/upload-chunk`, { method: 'POST', body: someChunk() })

  expect(taken.status).toBe(200)
})
