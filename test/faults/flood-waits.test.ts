import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import {
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
  uploadFile,
} from '../helpers/callers/client.ts'
import { tusHeaders } from '../helpers/callers/tus.ts'
import { startTeleStore } from '../helpers/worker/telestore.ts'

const LONG = 25_000
const flood = (name: string) => ({ kind: 'error', code: 420, message: name }) as const

/** Ann has a user session alone, Bob a bot as well. */
async function start() {
  const store = await startTeleStore()
  store.addUser('ann', store.telegram.createAccount({ label: 'ann', withBot: false }))
  store.addUser('bob', store.telegram.createAccount({ label: 'bob' }))
  return store
}

async function progressOf(url: string, uploadId: string) {
  const response = await fetch(`${url}/upload-progress/${uploadId}`)
  return (await response.json()) as Record<string, unknown> & { progress: number }
}

async function phasesUntil(url: string, uploadId: string, phase: string) {
  return vi.waitFor(async () => {
    const progress = await progressOf(url, uploadId)
    expect(progress.phase).toBe(phase)
    return progress
  })
}

test.each([10 * MiB + 1, 12 * MiB])(
  'a file of %i bytes, sent while it comes, says that Telegram makes it wait',
  async (size) => {
    const { url, telegram } = await start()
    telegram.faults.add({
      method: 'upload.saveBigFilePart',
      effect: flood('FLOOD_PREMIUM_WAIT_4'),
      times: 1,
    })
    const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(size), { token: 'ann' })
    await postJson(`${url}/complete-upload`, { uploadId })

    const waiting = await phasesUntil(url, uploadId, 'waiting')

    expect(waiting).toMatchObject({ status: 'uploading' })
    expect(waiting.retryAfter).toBeGreaterThanOrEqual(1)
    expect(waiting.retryAfter).toBeLessThanOrEqual(4)
    const seen = await pollToEnd(url, uploadId)
    expect(seen.at(-1)).toMatchObject({ status: 'completed', progress: 100 })
  },
)

test('a file of any size that begins while its account waits shows the wait', async () => {
  const { url, telegram } = await start()
  telegram.faults.add({
    method: 'upload.saveFilePart',
    effect: flood('FLOOD_WAIT_6'),
    times: 1,
  })
  const first = await sendChunks(url, 'a.bin', randomBytes(300 * KiB), { token: 'ann' })
  await postJson(`${url}/complete-upload`, { uploadId: first.uploadId })
  await phasesUntil(url, first.uploadId, 'waiting')

  const large = await sendChunks(url, 'b.bin', randomBytes(12 * MiB), { token: 'ann' })
  expect(await progressOf(url, large.uploadId)).toMatchObject({ retryAfter: null })
  await postJson(`${url}/complete-upload`, { uploadId: large.uploadId })

  expect(await phasesUntil(url, large.uploadId, 'waiting')).toMatchObject({
    retryAfter: expect.any(Number),
  })
  for (const { uploadId } of [first, large]) {
    expect((await pollToEnd(url, uploadId)).at(-1)).toMatchObject({ status: 'completed' })
  }
})

test('a wait that is longer than a job may last is named in the failure and refused on every endpoint', async () => {
  const { url, telegram } = await start()
  const fault = telegram.faults.add({
    method: 'messages.sendMedia',
    effect: flood(`FLOOD_WAIT_${LONG}`),
    times: 1,
  })
  const half = await sendChunks(url, 'half.bin', randomBytes(6 * MiB), { token: 'ann' })

  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(1000), { token: 'ann' })
  await postJson(`${url}/complete-upload`, { uploadId })
  const seen = await pollToEnd(url, uploadId)

  const end = seen.at(-1)
  expect(end).toMatchObject({ status: 'failed' })
  expect(end?.error).toMatch(
    /^Upload failed: Telegram asks this account to wait for 6 hours 5\d min/,
  )
  expect(end?.retryAfter).toBeGreaterThan(LONG - 60)
  // What was reached is not taken back.
  expect(end?.progress).toBe(Math.max(...seen.map(({ progress }) => progress)))
  expect(end?.progress).toBeGreaterThan(80)

  const file = { fileName: 'b.bin', fileSize: 1000, totalChunks: 1 }
  const whole = new FormData()
  whole.append('authToken', 'ann')
  whole.append('file', new Blob([randomBytes(1000)]), 'c.bin')
  const bytesFirst = new FormData()
  bytesFirst.append('file', new Blob([randomBytes(1000)]), 'c.bin')
  bytesFirst.append('authToken', 'ann')
  const refusals = {
    init: await postJson(`${url}/init-upload`, {
      ...file,
      uploadId: newUploadId(),
      authToken: 'ann',
    }),
    chunk: await postChunk(url, {
      ...file,
      uploadId: newUploadId(),
      chunkIndex: 0,
      authToken: 'ann',
      chunk: randomBytes(1000),
    }),
    upload: await fetch(`${url}/upload`, { method: 'POST', body: whole }),
    'upload, bytes first': await fetch(`${url}/upload`, { method: 'POST', body: bytesFirst }),
    tus: await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders('ann', { 'upload-length': '1000' }),
    }),
    'a part by tus': await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders('ann', { 'upload-length': '1000', 'upload-concat': 'partial' }),
    }),
  }
  for (const [way, refused] of Object.entries(refusals)) {
    expect(refused.status, way).toBe(503)
    expect(Number(refused.headers.get('retry-after')), way).toBeGreaterThan(LONG - 60)
    expect(await refused.json(), way).toMatchObject({
      code: 'TELEGRAM_FLOOD_WAIT',
      error: expect.stringMatching(/to wait for 6 hours 5\d minutes\. Try again after that/),
    })
  }

  // What had begun before is taken to its end, and the other accounts are not concerned.
  const last = { uploadId: half.uploadId, chunkIndex: 1, totalChunks: 2, fileSize: 6 * MiB }
  const again = await postChunk(url, {
    ...last,
    fileName: 'half.bin',
    authToken: 'ann',
    chunk: half.bytes.subarray(5 * MiB),
  })
  expect(again.status).toBe(200)
  telegram.faults.remove(fault)
  expect(await uploadFile(url, 'd.bin', randomBytes(1000), { token: 'bob' })).toMatchObject({
    status: 'completed',
  })
  const ready = await fetch(`${url}/readyz`)
  expect(ready.status).toBe(200)
  expect(await ready.json()).toMatchObject({
    dependencies: {
      accounts: { ready: true, reason: expect.stringMatching(/^Telegram asks 1 of \d accounts/) },
    },
  })
})

test("a bot's wait holds up uploads by the bot, and /readyz fails when no account can post", async () => {
  const { url, telegram } = await start()
  telegram.faults.add({
    method: 'bot:sendDocument',
    effect: { kind: 'error', code: 429, message: 'Too Many Requests', retryAfter: LONG },
    times: 1,
  })
  telegram.faults.add({
    method: 'messages.sendMedia',
    effect: flood(`FLOOD_WAIT_${LONG}`),
    times: 1,
  })
  const form = new FormData()
  form.append('file', new Blob([randomBytes(1000)]), 'a.bin')
  form.append('authToken', 'bob')

  const answer = await fetch(`${url}/upload`, { method: 'POST', body: form })

  expect(answer.status).toBe(503)
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(LONG - 60)
  expect(await answer.json()).toMatchObject({
    code: 'TELEGRAM_FLOOD_WAIT',
    error: expect.stringMatching(/^Upload failed: Telegram asks this account to wait/),
  })
  const open = (fileSize: number) =>
    postJson(`${url}/init-upload`, {
      uploadId: newUploadId(),
      fileName: 'b.bin',
      fileSize,
      totalChunks: Math.ceil(fileSize / (5 * MiB)),
      authToken: 'bob',
    })
  expect((await open(1000)).status).toBe(503)
  expect((await open(51 * MiB)).status).toBe(200)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)

  // The user session of the same person meets a wait of its own.
  const large = await sendChunks(url, 'c.bin', randomBytes(51 * MiB), { token: 'bob', parallel: 3 })
  await postJson(`${url}/complete-upload`, { uploadId: large.uploadId })
  expect((await pollToEnd(url, large.uploadId)).at(-1)).toMatchObject({ status: 'failed' })

  const unready = await fetch(`${url}/readyz`)
  expect(unready.status).toBe(503)
  expect(await unready.json()).toMatchObject({
    dependencies: { accounts: { ready: false, reason: 'Telegram asks 2 of 2 accounts to wait' } },
  })
})

test('a wait for one channel fails the file for that channel, and no other of the account', async () => {
  const store = await startTeleStore()
  const { url, telegram } = store
  const ann = telegram.createAccount({ label: 'ann', withBot: false })
  store.addUser('ann', ann)
  // The same account, whose other channel is to be searched for.
  store.addUser('token-elsewhere', { ...ann, channelId: '-1009999999999' })
  await uploadFile(url, 'first.bin', randomBytes(1000), { token: 'ann' })
  telegram.faults.add({ method: 'messages.getDialogs', effect: flood(`FLOOD_WAIT_${LONG}`) })

  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(1000), {
    token: 'token-elsewhere',
  })
  await postJson(`${url}/complete-upload`, { uploadId })
  const end = (await pollToEnd(url, uploadId)).at(-1)

  expect(end).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(
      /^Upload failed: Telegram asks this account to wait for 6 hours 5\d minutes\. Add the file/,
    ),
  })
  expect(end?.retryAfter).toBeGreaterThan(LONG - 60)
  expect(await uploadFile(url, 'b.bin', randomBytes(1000), { token: 'ann' })).toMatchObject({
    status: 'completed',
  })
  const ready = await fetch(`${url}/readyz`)
  expect(await ready.json()).toMatchObject({ dependencies: { accounts: { ready: true } } })
})
