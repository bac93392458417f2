import { createHmac, hkdfSync, randomBytes, randomUUID } from 'node:crypto'
import type { Emulator } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import {
  downloadUrl,
  newUploadId,
  postJson,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { startTraffic } from '../helpers/callers/traffic.ts'
import { type ReverseProxy, startReverseProxy } from '../helpers/peers/reverse-proxy.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker } from '../helpers/worker/app.ts'
import { telegramEnv } from '../helpers/worker/telestore.ts'
import { spawnWorkerProcess, type WorkerProcess } from '../helpers/worker/worker-process.ts'

const LEDGER_KEY = randomBytes(32).toString('hex')
const GRACE_MS = 12_000

test('a deploy under traffic kills no key: the old instance disconnects before the new one connects', async () => {
  const { telegram, old, young, ...clients } = await deployUnderTraffic({ LEDGER_KEY })
  const { traffic, clinging } = clients
  await traffic.more(4)
  await expectRefusal(old)
  clinging.abandon()
  expect(await old.stop('SIGTERM')).toBe(0)
  await traffic.more(4)
  const { failures, posted } = await traffic.stop()

  expect(failures).toEqual([])
  expect(telegram.counters.read().keysKilled).toBe(0)
  expect(old.output()).toContain('another instance asks for Telegram')
  expect(young.output()).toContain('"reply":"released"')
  const messages = await telegram.messages(telegram.account.channelId)
  const known = messages.map((message) => message.sha256)
  expect(posted.filter((hash) => !known.includes(hash))).toEqual([])
  expect(telegram.counters.read().mainConnectionsPeak).toEqual({ [keyOf(telegram)]: 1 })
})

test('without LEDGER_KEY the same deploy kills the key', async () => {
  const { telegram } = await deployUnderTraffic({})

  await vi.waitFor(() => expect(telegram.counters.read().keysKilled).toBeGreaterThan(0))
})

test('a slow transfer reaches its end on the old instance, and only then the new one connects', async () => {
  const telegram = await startTelegram()
  const proxy = await startReverseProxy()
  const old = await deploy(telegram, proxy, { LEDGER_KEY })
  telegram.settings.change({ bandwidthPerConnection: MiB })
  const uploading = uploadFile(old.url, 'slow.bin', randomBytes(2 * MiB), { token: 'main' })
  await vi.waitFor(() => expect(telegram.counters.read().partsReceived).toBeGreaterThan(0))

  const young = await deploy(telegram, proxy, { LEDGER_KEY })

  expect((await uploading).status).toBe('completed')
  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, keysKilled: 0 })
  expect(old.output()).toMatch(/Upload completed.*disconnected from Telegram/s)
  expect(young.output()).toContain('"reply":"draining"')
})

test.each([
  ['behind', -600_000],
  ['ahead', 86_400_000],
])(
  'an instance whose clock is far %s is asked all the same, and no key is killed',
  async (_name, skewMs) => {
    const telegram = await startTelegram()
    const proxy = await startReverseProxy()
    const old = await deploy(telegram, proxy, { LEDGER_KEY })
    await uploadFile(old.url, 'a.bin', randomBytes(1_000), { token: 'main' })

    const young = await deploy(telegram, proxy, { LEDGER_KEY, ...clockOff(skewMs) })
    const end = await uploadFile(young.url, 'b.bin', randomBytes(1_000), { token: 'main' })

    expect(end.status).toBe('completed')
    expect(young.output()).toContain('"reply":"released"')
    expect(telegram.counters.read()).toMatchObject({ messagesPosted: 2, keysKilled: 0 })
  },
)

test('an instance that a request has woken up answers its own question and starts', async () => {
  const telegram = await startTelegram()
  const proxy = await startReverseProxy()
  proxy.clear('hold')
  const env = { LEDGER_KEY, RENDER_EXTERNAL_URL: proxy.url, STARTUP_TELEGRAM_DELAY_MS: '600000' }

  const worker = await spawnWorkerProcess(telegram, await makeTempDir(), env)
  await vi.waitFor(async () => void (await fetch(`${worker.url}/healthz`)))
  expect((await fetch(`${worker.url}/health`)).status).toBe(503)
  await proxy.moveTo(worker.url)

  await uploadFile(proxy.url, 'a.bin', randomBytes(1_000), { token: 'main' })
  expect(worker.output()).toContain('"reply":"self"')
})

test.each([
  ['a proxy without a worker', (proxy: ReverseProxy) => proxy.clear('fail')],
  [
    'an older version',
    (proxy: ReverseProxy) => proxy.answerWith(404, '{"error":"There is nothing here"}'),
  ],
  ['a page', (proxy: ReverseProxy) => proxy.answerWith(200, '<h1>Welcome</h1>')],
])(
  '%s at the public address counts as no instance, and the start goes on',
  async (_name, prepare) => {
    const telegram = await startTelegram()
    const proxy = await startReverseProxy()
    prepare(proxy)

    const env = { ...standalone(telegram), LEDGER_KEY, RENDER_EXTERNAL_URL: proxy.url }
    const { url } = await startWorker({ env })

    const end = await uploadFile(url, 'a.bin', randomBytes(1_000), { token: 'main' })
    expect(end.status).toBe('completed')
  },
)

test('where no instance can be asked, the worker connects after STARTUP_TELEGRAM_DELAY_MS', async () => {
  const telegram = await startTelegram()
  const env = { ...standalone(telegram), STARTUP_TELEGRAM_DELAY_MS: '1500' }
  const startedAt = Date.now()
  const { url } = await startWorker({ env })

  const end = await uploadFile(url, 'a.bin', randomBytes(1_000), { token: 'main' })

  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_490)
  expect(end.status).toBe('completed')
})

test('an old instance that is never stopped takes Telegram back and goes on', async () => {
  const telegram = await startTelegram()
  const proxy = await startReverseProxy()
  const env = { ...standalone(telegram), LEDGER_KEY, RENDER_EXTERNAL_URL: proxy.url }
  proxy.clear('hold')
  const old = await startWorker({ env, returnAfterMs: 5_000 })
  proxy.pointTo(old.url)
  const young = await startWorker({ env })
  await vi.waitFor(async () => expect((await fetch(`${old.url}/readyz`)).status).toBe(503))

  await young.close()

  await vi.waitFor(async () => expect((await fetch(`${old.url}/readyz`)).status).toBe(200))
  const bytes = randomBytes(3 * MiB)
  const { messageId } = await uploadFile(proxy.url, 'again.bin', bytes, { token: 'main' })
  const back = await fetch(downloadUrl(proxy.url, messageId, 'main'))
  expect(sha256(new Uint8Array(await back.arrayBuffer()))).toBe(sha256(bytes))
  expect(telegram.counters.read().keysKilled).toBe(0)
})

test('unsigned and replayed requests get no information and change nothing', async () => {
  const telegram = await startTelegram()
  const proxy = await startReverseProxy()
  proxy.clear('hold')
  const env = { ...standalone(telegram), LEDGER_KEY, RENDER_EXTERNAL_URL: proxy.url }
  const worker = await startWorker({ env })
  proxy.pointTo(worker.url)
  await vi.waitFor(() => expect(proxy.seen.length).toBeGreaterThan(0))
  const [recorded] = proxy.seen
  const nothing = await fetch(`${worker.url}/nothing-here`, { method: 'POST' })
  const refusal = await nothing.text()

  const attempts = [
    {},
    { body: '{}', signature: 'sha256=00' },
    { body: 'x'.repeat(1_000), signature: `sha256=${'0'.repeat(64)}` },
    forged('another-secret-of-thirty-two-bytes'),
    { body: String(recorded?.body), signature: recorded?.headers['x-telestore-signature'] },
  ]
  const answers = await Promise.all(attempts.map((each) => handOver(worker.url, each)))

  for (const answer of answers) {
    expect([answer.status, await answer.text()]).toEqual([nothing.status, refusal])
    expect(answer.headers.has('x-telestore-signature')).toBe(false)
  }
  expect((await fetch(`${worker.url}/readyz`)).status).toBe(200)
})

test('POST /hand-over exists only with LEDGER_KEY, and answers a signed request', async () => {
  const telegram = await startTelegram()
  const without = await startWorker({ env: standalone(telegram) })
  const having = await startWorker({ env: { ...standalone(telegram), LEDGER_KEY } })

  expect((await handOver(without.url, forged(LEDGER_KEY))).status).toBe(404)
  const released = await handOver(having.url, forged(LEDGER_KEY, { wait: true }))

  expect(released.status).toBe(200)
  expect(await released.json()).toMatchObject({ state: 'released' })
  expect((await fetch(`${having.url}/readyz`)).status).toBe(503)
})

/** One worker under traffic, then another one beside it; resolves when new requests go to that. */
async function deployUnderTraffic(env: Record<string, string>) {
  const telegram = await startTelegram()
  const proxy = await startReverseProxy()
  const old = await deploy(telegram, proxy, env)
  const traffic = startTraffic(proxy.url)
  // A proxy leaves connections that are in use where they are.
  const clinging = startTraffic(old.url)
  await traffic.more(1)
  const young = await deploy(telegram, proxy, env)
  return { telegram, old, young, traffic, clinging }
}

/** After it has released Telegram, the old instance refuses work and says why. */
async function expectRefusal({ url }: WorkerProcess): Promise<void> {
  const file = { fileName: 'a.bin', totalChunks: 1, fileSize: 10, authToken: 'main' }
  const upload = await postJson(`${url}/init-upload`, { uploadId: newUploadId(), ...file })
  const download = await fetch(downloadUrl(url, 1, 'main'))
  for (const refused of [upload, download]) {
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await refused.json()).toMatchObject({ code: 'SHUTTING_DOWN' })
  }
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  expect((await fetch(`${url}/health`)).status).toBe(200)
}

/** Starts a worker as a proxy does, and moves the traffic to it once it is healthy. */
async function deploy(
  telegram: Emulator,
  proxy: ReverseProxy,
  env: Record<string, string>,
): Promise<WorkerProcess> {
  const worker = await spawnWorkerProcess(telegram, await makeTempDir(), {
    RENDER_EXTERNAL_URL: proxy.url,
    SHUTDOWN_GRACE_MS: String(GRACE_MS),
    ...env,
  })
  await proxy.moveTo(worker.url)
  return worker
}

/** For a process: a clock that differs by so much. */
function clockOff(skewMs: number): Record<string, string> {
  const source = `const now = Date.now; Date.now = () => now() + ${skewMs}`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(source)}` }
}

function standalone(telegram: Emulator): Record<string, string> {
  const { account } = telegram
  return {
    ...telegramEnv(telegram),
    AUTH_TOKENS: 'main',
    TELEGRAM_API_ID: String(account.apiId),
    TELEGRAM_API_HASH: account.apiHash,
    TELEGRAM_SESSION: account.telethonSession ?? '',
    TELEGRAM_CHANNEL_ID: account.channelId,
    TELEGRAM_BOT_TOKEN: account.botToken ?? '',
  }
}

const keyOf = (telegram: Emulator): string => String(telegram.account.authKeyId)

/** A request as the protocol has it, signed with the key that a LEDGER_KEY of 64 digits gives. */
function forged(ledgerKey: string, { wait = false } = {}): { body: string; signature: string } {
  const key = Buffer.from(ledgerKey, 'hex')
  const secret = Buffer.from(hkdfSync('sha256', key, '', 'derived:hand-over', 32))
  const now = Date.now()
  const instance = { id: randomUUID(), startedAt: now }
  const body = JSON.stringify({
    instance,
    intent: 'start',
    wait,
    issuedAt: now,
    nonce: randomUUID(),
  })
  const signature = createHmac('sha256', secret).update(`request\n${body}`).digest('hex')
  return { body, signature: `sha256=${signature}` }
}

function handOver(
  url: string,
  { body, signature }: { body?: string; signature?: string | undefined },
) {
  return fetch(`${url}/hand-over`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(signature !== undefined && { 'x-telestore-signature': signature }),
    },
    body: body ?? '',
  })
}
