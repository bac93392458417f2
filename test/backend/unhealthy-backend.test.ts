import { expect, test, vi } from 'vitest'
import { type BackendClient, createBackendClient } from '../../src/backend/backend-client.ts'
import { createOutboxSender } from '../../src/backend/outbox-sender.ts'
import type { WebhookEvent } from '../../src/core/ports/records.ts'
import type { CircuitLimits } from '../../src/lib/waiting/circuit-breaker.ts'
import { HTTP_SYMPTOMS, type SickPeer, startSickPeer } from '../helpers/peers/failing-peer.ts'
import {
  type BackendFault,
  downloadAnswer,
  type FakeBackend,
  loginAnswer,
  startBackend,
} from '../helpers/peers/fake-backend.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { stopClock } from '../helpers/stopped-clock.ts'

const QUICK: CircuitLimits = { failures: 3, lastingMs: 0, firstBreakMs: 50, longestBreakMs: 100 }

test.each(HTTP_SYMPTOMS)(
  'a backend that %s opens its circuit, is left alone, and is found well again by itself',
  async (symptom) => {
    const clock = stopClock()
    const { client, peer } = await start({ timeoutMs: 150 })
    await peer.fallIll(symptom)

    for (let call = 0; call < 3; call++) {
      await expect(client.credentials('ann')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    }

    const { visits } = peer
    expect(client.circuits().backend).toEqual({ state: 'open', retryAfter: 1 })
    await expect(client.verifyDownloadToken('link')).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      peerDown: true,
      retryAfter: 1,
    })
    expect(peer.visits).toBe(visits)

    await peer.recover()
    await vi.waitFor(async () => {
      clock.pass(QUICK.longestBreakMs)
      expect(await client.credentials('ann')).toBeDefined()
    })
    expect(client.circuits().backend.state).toBe('closed')
  },
)

test('a trial that fails keeps the circuit open; others meanwhile are refused unasked', async () => {
  const clock = stopClock()
  const { client, peer } = await start({ timeoutMs: 150 })
  // Nobody is taken, so that every visit counted below is the trial's.
  await peer.fallIll('refuses connections')
  for (let call = 0; call < 3; call++) await client.credentials('ann').catch(() => {})
  await peer.recover()
  await peer.fallIll('says nothing')
  clock.pass(QUICK.firstBreakMs)
  expect(client.circuits().backend.state).toBe('half-open')

  const calls = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map((token) => client.credentials(token)),
  )

  expect(calls.every(({ status }) => status === 'rejected')).toBe(true)
  await vi.waitFor(() => expect(peer.visits).toBe(1))
  expect(client.circuits().backend.state).toBe('open')
})

test.each<[string, BackendFault]>([
  ['401', { kind: 'status', status: 401, body: { detail: 'Invalid token' } }],
  ['403', { kind: 'status', status: 403 }],
  ['400 with a detail', { kind: 'status', status: 400, body: { detail: 'No bot' } }],
  ['404', { kind: 'status', status: 404, body: { detail: 'Not Found' } }],
  ['422', { kind: 'status', status: 422, body: { detail: [] } }],
  ['429', { kind: 'status', status: 429, body: {}, headers: { 'retry-after': '9' } }],
  ["401 in 500's clothes", { kind: 'status', status: 500, body: { detail: '401: Expired' } }],
  ["400 in 500's clothes", { kind: 'status', status: 500, body: { detail: '400: No bot' } }],
  ["404 in 500's clothes", { kind: 'status', status: 500, body: { detail: '404: No user' } }],
  ['valid: false', { kind: 'shape', body: { valid: false } }],
  ["one account's broken entry", { kind: 'shape', body: { user_id: 'ann', channel_id: {} } }],
])('%s never opens the circuit', async (_name, fault) => {
  const { client, backend } = await start()
  backend.fail(fault)

  for (let call = 0; call < 8; call++) {
    await expect(client.verifyDownloadToken('link')).rejects.toMatchObject({ peerDown: false })
    await expect(client.credentials('ann')).rejects.toMatchObject({ peerDown: false })
  }

  expect(backend.calls).toHaveLength(16)
  expect(client.circuits().backend.state).toBe('closed')
})

test('webhooks that fail have a circuit of their own, and lock nobody out', async () => {
  stopClock()
  const { client, backend } = await start()
  backend.fail({ kind: 'status', status: 500, body: { detail: 'Internal Server Error' } })
  for (let call = 0; call < 3; call++) await client.deliverWebhook(event('one')).catch(() => {})
  backend.recover()

  expect(client.circuits()).toMatchObject({
    backend: { state: 'closed' },
    webhooks: { state: 'open' },
  })
  await expect(client.deliverWebhook(event('two'))).rejects.toMatchObject({ peerDown: true })
  expect(await client.credentials('ann')).toMatchObject({ userId: 'ann' })
})

test('a webhook that is given up half-way says nothing about the backend', async () => {
  const { client, peer } = await start()
  await peer.fallIll('says nothing')

  for (let call = 0; call < 5; call++) {
    const leaving = new AbortController()
    const delivering = client.deliverWebhook(event('one'), leaving.signal)
    leaving.abort(new Error('closing'))
    await expect(delivering).rejects.toThrow('closing')
  }

  expect(client.circuits().webhooks.state).toBe('closed')
})

test('the outbox waits for a backend that is down without wearing its webhooks out', async () => {
  const { client, peer, backend } = await start({ failures: 1, longestBreakMs: 50 })
  const rows = new Map(['a', 'b', 'c', 'd', 'e'].map((id) => [id, event(id)]))
  await peer.fallIll('refuses connections')
  const sender = createOutboxSender({
    deliver: client.deliverWebhook,
    log: createRecordingLog(),
    ledger: {
      dueWebhooks: (now, limit) =>
        [...rows.values()].filter(({ dueAt }) => dueAt <= now).slice(0, limit),
      nextWebhookAt: () => Math.min(...[...rows.values()].map(({ dueAt }) => dueAt)),
      postponeWebhook: (id, dueAt) => {
        const row = rows.get(id) ?? event(id)
        rows.set(id, { ...row, dueAt, attempts: row.attempts + 1 })
      },
      deleteWebhook: (id) => void rows.delete(id),
    },
  })
  await vi.waitFor(() => expect(client.circuits().webhooks.state).not.toBe('closed'))
  const tried = [...rows.values()].filter(({ attempts }) => attempts > 0).length

  await peer.recover()

  await vi.waitFor(() => expect(rows.size).toBe(0))
  await sender.close()
  expect(tried).toBeLessThanOrEqual(4)
  expect(backend.webhooks).toHaveLength(5)
})

async function start({
  timeoutMs,
  ...circuit
}: Partial<CircuitLimits> & { timeoutMs?: number } = {}): Promise<{
  client: BackendClient
  backend: FakeBackend
  peer: SickPeer
}> {
  const backend = await startBackend()
  backend.logins.set('ann', loginAnswer('ann'))
  backend.downloads.set('link', downloadAnswer('ann'))
  const peer = await startSickPeer(Number(new URL(backend.url).port))
  const client = createBackendClient({
    baseUrl: peer.url,
    log: createRecordingLog(),
    // Only what says nothing is given up, not what a busy machine answers late.
    timeoutMs: timeoutMs ?? 30_000,
    circuit: { ...QUICK, ...circuit },
  })
  return { client, backend, peer }
}

function event(id: string): WebhookEvent {
  const payload = {
    userId: 'ann',
    fileName: 'a.bin',
    messageId: 1,
    fileId: 'f',
    size: 1,
    mimeType: 'application/octet-stream',
  }
  return { id, uploadId: `upload-${id}`, payload, attempts: 0, dueAt: 0, createdAt: 0 }
}
