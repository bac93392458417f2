import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { completeAndPoll, postJson, sendChunks } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

async function start() {
  return startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
}

const ann = { authorization: 'Bearer token-ann' }

test("a user's uploads are listed with their results, unfinished ones first", async () => {
  const { url } = await start()
  const bytes = Buffer.alloc(2 * MiB, 5)
  const done = await sendChunks(url, 'fertig ✓.bin', bytes, { token: 'token-ann' })
  await completeAndPoll(url, done.uploadId)
  const half = { token: 'token-ann', chunkSize: MiB, order: [0] }
  const open = await sendChunks(url, 'open.bin', bytes, half)
  await sendChunks(url, 'foreign.bin', bytes, { token: 'token-bob' })

  const answer = await fetch(`${url}/jobs`, { headers: ann })

  const { jobs } = (await answer.json()) as { jobs: unknown[] }
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(jobs).toEqual([
    expect.objectContaining({
      uploadId: open.uploadId,
      fileName: 'open.bin',
      status: 'uploading',
      phase: 'receiving',
      fileSize: 2 * MiB,
      receivedBytes: MiB,
      finishedAt: null,
    }),
    expect.objectContaining({
      uploadId: done.uploadId,
      fileName: 'fertig ✓.bin',
      status: 'completed',
      progress: 100,
      messageId: 1,
      receivedBytes: 2 * MiB,
      finishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    }),
  ])
})

test('cancelled uploads hide no unfinished one', async () => {
  const { url } = await start()
  const half = { token: 'token-ann', chunkSize: MiB, order: [0] }
  const open = await sendChunks(url, 'open.bin', Buffer.alloc(2 * MiB), half)
  for (const name of ['a', 'b']) {
    const { uploadId } = await sendChunks(url, name, Buffer.alloc(3), { token: 'token-ann' })
    await postJson(`${url}/cancel-upload`, { uploadId })
  }

  const answer = await fetch(`${url}/jobs?limit=2`, { headers: ann })

  const { jobs } = (await answer.json()) as { jobs: unknown[] }
  expect(jobs).toEqual([
    expect.objectContaining({ uploadId: open.uploadId, status: 'uploading' }),
    expect.objectContaining({ fileName: 'b', phase: 'cancelled' }),
  ])
})

test('the list is as long as the limit', async () => {
  const { url } = await start()
  for (const name of ['a', 'b', 'c']) {
    await sendChunks(url, name, Buffer.alloc(3), { token: 'token-ann' })
  }

  const answer = await fetch(`${url}/jobs?limit=2`, { headers: ann })
  const { jobs } = (await answer.json()) as { jobs: unknown[] }

  expect(jobs).toHaveLength(2)
})

test.each([
  ['a caller without a token', {}, { code: 'TOKEN_MISSING', field: 'token' }],
  ['a stranger', { authorization: 'Bearer nobody' }, { code: 'TOKEN_REFUSED' }],
])('the list is not for %s', async (_who, headers, refusal) => {
  const { url } = await start()

  const answer = await fetch(`${url}/jobs`, { headers })

  expect(answer.status).toBe(401)
  expect(await answer.json()).toMatchObject(refusal)
})

test('an empty token in the query counts as missing', async () => {
  const { url } = await start()

  const without = await fetch(`${url}/jobs?token=`)
  const withHeader = await fetch(`${url}/jobs?token=`, { headers: ann })

  expect(without.status).toBe(401)
  expect(withHeader.status).toBe(200)
})
