import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import type { PeerLimits } from '../../src/probes.ts'
import {
  downloadUrl,
  pollToEnd,
  postJson,
  sendChunks,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { type FailingPeer, startFailingPeer } from '../helpers/peers/failing-peer.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { startTeleStore, type TeleStore } from '../helpers/worker/telestore.ts'

const QUICK: PeerLimits = {
  openMs: 5_000,
  retryPolicy: { outageMs: 60_000 },
  // Long enough that what is asked as soon as the circuit opens is asked while it is open.
  circuit: { failures: 3, lastingMs: 0, firstBreakMs: 5_000, longestBreakMs: 5_000 },
}

// Not those that answer something to a whole file: such an answer counts as lost.
test.each(['refuses connections', 'resets at once'] as const)(
  'a small file waits for a Bot API that %s, uses up no attempt, and is posted once',
  async (fault) => {
    const { url, botApi, telegram } = await start()
    const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(1000), { token: 'main' })
    await botApi.fail(fault)

    await postJson(`${url}/complete-upload`, { uploadId })
    await expectCircuit(url, 'bot-api', 'open')
    const refused = await upload(url, 'main')
    await expectWaiting(url, uploadId)
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await refused.json()).toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
    await botApi.recover()

    expect((await pollToEnd(url, uploadId)).at(-1)).toMatchObject({ status: 'completed' })
    expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1 })
    await expectCircuit(url, 'bot-api', 'closed')
  },
)

test('while data centres are down, jobs wait, a first request for a file is refused, and a running stream goes on', async () => {
  const { url, telegram, addUser } = await start()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  const bytes = randomBytes(6 * MiB)
  const { messageId } = await uploadFile(url, 'a.bin', bytes, { token: 'ann' })
  const { uploadId } = await sendChunks(url, 'b.bin', randomBytes(1000), { token: 'ann' })
  const response = await fetch(downloadUrl(url, messageId, 'ann'))
  const down = telegram.faults.add({ method: '*', effect: { kind: 'drop' } })
  telegram.faults.cutConnections()

  await postJson(`${url}/complete-upload`, { uploadId })
  await expectCircuit(url, 'dc2', 'open')
  const looked = await fetch(downloadUrl(url, (messageId ?? 0) + 1, 'ann'))
  await expectWaiting(url, uploadId)
  expect(looked.status).toBe(503)
  expect(Number(looked.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(await looked.json()).toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
  telegram.faults.remove(down)

  expect((await pollToEnd(url, uploadId)).at(-1)).toMatchObject({ status: 'completed' })
  expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(bytes))
  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 2, keysKilled: 0 })
  await expectCircuit(url, 'dc2', 'closed')
})

/** A worker whose Bot API can fall ill; a transfer has one attempt. */
async function start(): Promise<TeleStore & { botApi: FailingPeer }> {
  const telegram = await startTelegram()
  const botApi = await startFailingPeer(Number(new URL(telegram.botApi.root).port))
  const env = { TELEGRAM_BOT_API_ROOT: botApi.url, TRANSFER_ATTEMPTS: '1' }
  const store = await startTeleStore({ telegram, env, peers: QUICK })
  store.addUser('main', telegram.account, { telegram_session: null, telegram_api_id: null })
  return { ...store, botApi }
}

function upload(url: string, token: string): Promise<Response> {
  const form = new FormData()
  form.append('file', new Blob([randomBytes(100)]), 'small.bin')
  form.append('authToken', token)
  return fetch(`${url}/upload`, { method: 'POST', body: form })
}

async function expectWaiting(url: string, uploadId: string): Promise<void> {
  await vi.waitFor(async () => {
    const progress = await (await fetch(`${url}/upload-progress/${uploadId}`)).json()
    expect(progress).toMatchObject({ status: 'uploading', phase: 'waiting' })
  })
}

async function expectCircuit(url: string, name: string, state: string): Promise<void> {
  await vi.waitFor(async () => {
    const readiness = await (await fetch(`${url}/readyz`)).json()
    expect(readiness).toMatchObject({
      dependencies: { telegram: { ready: state === 'closed', circuits: { [name]: state } } },
    })
  })
}
