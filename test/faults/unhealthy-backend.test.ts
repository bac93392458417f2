import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { PeerLimits } from '../../src/probes.ts'
import {
  completeAndPoll,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
} from '../helpers/callers/client.ts'
import {
  type FailingPeer,
  HTTP_FAULTS,
  type PeerFault,
  startFailingPeer,
} from '../helpers/peers/failing-peer.ts'
import { type FakeBackend, makeJwt, startBackend } from '../helpers/peers/fake-backend.ts'
import { startSharedTelegram } from '../helpers/peers/telegram.ts'
import { jumpAhead } from '../helpers/stopped-clock.ts'
import { startTeleStore, type TeleStore } from '../helpers/worker/telestore.ts'

const QUICK: PeerLimits = {
  circuit: { failures: 1, lastingMs: 0, firstBreakMs: 600, longestBreakMs: 600 },
}
/** No break ends while a test looks at what happens in it. */
const BREAK_MS = 300_000
const LASTING: PeerLimits = {
  ...QUICK,
  circuit: { ...QUICK.circuit, firstBreakMs: BREAK_MS, longestBreakMs: BREAK_MS },
}

/** What is only over when it is given up. */
const ENDLESS = new Set<PeerFault>(['says nothing', 'never ends', 'drips'])

const telegram = await startSharedTelegram()

test.each(HTTP_FAULTS)(
  'while the backend %s, new tokens are refused at once, running uploads go on, and webhooks wait',
  async (fault) => {
    const backendTimeoutMs = ENDLESS.has(fault) ? 2_500 : 10_000
    const { url, backend, peer, addUser } = await start({ peers: { ...LASTING, backendTimeoutMs } })
    addUser('late', telegram.account)
    const running = newChunks('main')
    expect((await postChunk(url, running[0])).status).toBe(200)
    await peer.fail(fault)

    for (const response of await Promise.all(callNewcomers(url))) await expectRefused(response)
    const readiness = await fetch(`${url}/readyz`)
    expect(readiness.status).toBe(503)
    expect(Number(readiness.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await readiness.json()).toMatchObject({
      dependencies: {
        backend: { ready: false, reason: 'does not answer', circuits: { backend: 'open' } },
        telegram: { ready: true },
      },
    })
    expect((await postChunk(url, running[1])).status).toBe(200)
    const end = (await completeAndPoll(url, running[0].uploadId)).at(-1)
    expect(end).toMatchObject({ status: 'completed', error: null })
    expect(backend.webhooks).toEqual([])

    await peer.recover()
    jumpAhead(BREAK_MS)

    const opening = (): Promise<Response> => postJson(`${url}/init-upload`, newFile('late'))
    await vi.waitFor(async () => expect((await opening()).status).toBe(200))
    await expectBackend(url, { ready: true })
  },
)

test.each(['refuses connections', 'answers HTML with 200', 'fails inside'] as const)(
  'the webhook of a file that was posted while the backend %s arrives once it is healthy',
  async (fault) => {
    const { url, backend, peer } = await start()
    const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(100), { token: 'main' })
    await peer.fail(fault)
    const end = (await completeAndPoll(url, uploadId)).at(-1)
    // Webhooks alone are no reason to take the instance out of service.
    await expectBackend(url, { ready: true, circuits: { webhooks: 'open' } })

    await peer.recover()

    await vi.waitFor(() => expect(backend.webhooks).toHaveLength(1))
    expect(backend.webhooks[0]).toMatchObject({ messageId: end?.messageId })
  },
)

test('a 500 that means 401 refuses each caller and leaves the circuit closed, however often it comes', async () => {
  const { url, backend } = await start()
  backend.fail({ kind: 'status', status: 500, body: { detail: '401: Invalid token' } })

  for (let round = 0; round < 4; round++) {
    for (const response of await Promise.all(callNewcomers(url, `stranger-${round}`))) {
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ code: 'TOKEN_REFUSED' })
    }
  }

  await expectBackend(url, { ready: true, circuits: { backend: 'closed' } })
})

test('credentials that were valid once serve the running upload while the backend is down, and open no other', async () => {
  const { url, peer, addUser } = await start()
  // Over by its own word: it is never cached, and each call asks the backend.
  const token = makeJwt({ sub: 'ann', exp: 1 })
  addUser(token, telegram.account)
  const [first, second] = newChunks(token)
  expect((await postChunk(url, first)).status).toBe(200)
  await peer.fail('refuses connections')

  expect((await postChunk(url, second)).status).toBe(200)
  const end = (await completeAndPoll(url, first.uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed' })
  await expectRefused(await postJson(`${url}/init-upload`, newFile(token)))
})

test('after a restart jobs wait for a backend that is down, and go on by themselves', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'telestore-unhealthy-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const before = await start({ dataDir })
  const { uploadId } = await sendChunks(before.url, 'a.bin', randomBytes(3000), { token: 'main' })
  await before.close()
  await before.peer.fail('resets at once')

  const { url, peer } = await start({ dataDir, from: before, env: { TRANSFER_ATTEMPTS: '1' } })
  await postJson(`${url}/complete-upload`, { uploadId })
  const polling = pollToEnd(url, uploadId)
  await vi.waitFor(async () => {
    const progress = await fetch(`${url}/upload-progress/${uploadId}`)
    expect(await progress.json()).toMatchObject({ status: 'uploading', phase: 'waiting' })
  })
  await peer.recover()

  expect((await polling).at(-1)).toMatchObject({ status: 'completed' })
})

interface StartOptions {
  dataDir?: string
  env?: Record<string, string>
  peers?: PeerLimits
  /** An earlier worker, whose backend it has. */
  from?: { backend: FakeBackend; peer: FailingPeer }
}

/** A worker whose backend can fall ill. */
async function start({
  env,
  from,
  ...options
}: StartOptions = {}): Promise<TeleStore & { peer: FailingPeer }> {
  const backend = from?.backend ?? (await startBackend())
  const peer = from?.peer ?? (await startFailingPeer(Number(new URL(backend.url).port)))
  const store = await startTeleStore({
    telegram,
    backend,
    peers: QUICK,
    env: { BACKEND_URL: peer.url, ...env },
    ...options,
  })
  return { ...store, peer }
}

/** Every call that cannot wait, with a token that the worker has not seen before. */
function callNewcomers(url: string, token = 'late'): Promise<Response>[] {
  const [chunk] = newChunks(token)
  const small = new FormData()
  small.append('file', new Blob([randomBytes(100)]), 'small.bin')
  small.append('authToken', token)
  return [
    postJson(`${url}/init-upload`, newFile(token)),
    postChunk(url, chunk),
    fetch(`${url}/upload`, { method: 'POST', body: small }),
    fetch(`${url}/download?messageId=1&token=link-${token}`),
  ]
}

async function expectRefused(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(await response.json()).toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
}

async function expectBackend(url: string, status: object): Promise<void> {
  await vi.waitFor(async () => {
    const readiness = await (await fetch(`${url}/readyz`)).json()
    expect(readiness).toMatchObject({ dependencies: { backend: status } })
  })
}

let files = 0

function newFile(authToken: string) {
  const uploadId = `${Date.now()}_unhealthy${++files}`
  return { uploadId, fileName: 'a.bin', totalChunks: 2, fileSize: 2000, authToken }
}

type Chunk = ReturnType<typeof newFile> & { chunkIndex: number; chunk: Buffer }

function newChunks(authToken: string): [Chunk, Chunk] {
  const file = newFile(authToken)
  const chunk = randomBytes(1000)
  return [
    { ...file, chunkIndex: 0, chunk },
    { ...file, chunkIndex: 1, chunk },
  ]
}
