import { expect, test, vi } from 'vitest'
import { type BackendClient, createBackendClient } from '../../src/backend/backend-client.ts'
import { createOutboxSender } from '../../src/backend/outbox-sender.ts'
import type { WebhookEvent } from '../../src/core/ports/records.ts'
import type { CircuitLimits } from '../../src/lib/waiting/circuit-breaker.ts'
import { type FailingPeer, HTTP_FAULTS, startFailingPeer } from '../helpers/peers/failing-peer.ts'
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

test.each(HTTP_FAULTS)(
  'a backend that %s opens its circuit, is not asked while it is open, and closes it when it answers',
  async (fault) => {
    const clock = stopClock()
    const { client, peer } = await start({ timeoutMs: 150 })
    await peer.fail(fault)

    for (let call = 0; call < 3; call++) {
      await expect(client.credentials('ann')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    }

    const { connections } = peer
    expect(client.circuits().backend).toEqual({ state: 'open', retryAfter: 1 })
    await expect(client.verifyDownloadToken('link')).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      peerDown: true,
      retryAfter: 1,
    })
    expect(peer.connections).toBe(connections)

    await peer.recover()
    await vi.waitFor(async () => {
      clock.pass(QUICK.longestBreakMs)
      expect(await client.credentials('ann')).toBeDefined()
    })
    expect(client.circuits().backend.state).toBe('closed')
  },
)

test('a failed trial keeps the circuit open, and calls beside it are refused without asking', async () => {
  const clock = stopClock()
  const { client, peer } = await start({ timeoutMs: 150 })
  // No connection is accepted, so that each one counted below is the trial's.
  await peer.fail('refuses connections')
  for (let call = 0; call < 3; call++) await client.credentials('ann').catch(() => {})
  await peer.recover()
  await peer.fail('says nothing')
  clock.pass(QUICK.firstBreakMs)
  expect(client.circuits().backend.state).toBe('half-open')

  const calls = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map((token) => client.credentials(token)),
  )

  expect(calls.every(({ status }) => status === 'rejected')).toBe(true)
  await vi.waitFor(() => expect(peer.connections).toBe(1))
  expect(client.circuits().backend.state).toBe('open')
})

test.each<[string, BackendFault]>([
  ['401', { kind: 'status', status: 401, body: { detail: 'Invalid token' } }],
  ['403', { kind: 'status', status: 403 }],
  ['400 with a detail', { kind: 'status', status: 400, body: { detail: 'No bot' } }],
  ['404', { kind: 'status', status: 404, body: { detail: 'Not Found' } }],
  ['422', { kind: 'status', status: 422, body: { detail: [] } }],
  ['429', { kind: 'status', status: 429, body: {}, headers: { 'retry-after': '9' } }],
  ['500 that means 401', { kind: 'status', status: 500, body: { detail: '401: Expired' } }],
  ['500 that means 400', { kind: 'status', status: 500, body: { detail: '400: No bot' } }],
  ['500 that means 404', { kind: 'status', status: 500, body: { detail: '404: No user' } }],
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

test('failing webhooks open a circuit of their own, and logins go on', async () => {
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

test('a webhook that is given up half-way leaves its circuit closed', async () => {
  const { client, peer } = await start()
  await peer.fail('says nothing')

  for (let call = 0; call < 5; call++) {
    const leaving = new AbortController()
    const delivering = client.deliverWebhook(event('one'), leaving.signal)
    leaving.abort(new Error('closing'))
    await expect(delivering).rejects.toThrow('closing')
  }

  expect(client.circuits().webhooks.state).toBe('closed')
})

test('the outbox waits for a backend that is down without using up attempts of its webhooks', async () => {
  const { client, peer, backend } = await start({ failures: 1, longestBreakMs: 50 })
  const rows = new Map(['a', 'b', 'c', 'd', 'e'].map((id) => [id, event(id)]))
  await peer.fail('refuses connections')
  let aheadMs = 0
  const sender = createOutboxSender({
    deliver: client.deliverWebhook,
    now: () => Date.now() + aheadMs,
    log: createRecordingLog(),
    ledger: {
      dueWebhooks: async (now, limit) =>
        [...rows.values()].filter(({ dueAt }) => dueAt <= now).slice(0, limit),
      releaseWebhook: async () => {},
      nextWebhookAt: async () => Math.min(...[...rows.values()].map(({ dueAt }) => dueAt)),
      postponeWebhook: async (id, dueAt) => {
        const row = rows.get(id) ?? event(id)
        rows.set(id, { ...row, dueAt, attempts: row.attempts + 1 })
      },
      deleteWebhook: async (id) => void rows.delete(id),
    },
  })
  await vi.waitFor(() => expect(client.circuits().webhooks.state).not.toBe('closed'))
  const tried = [...rows.values()].filter(({ attempts }) => attempts > 0).length

  await peer.recover()

  await vi.waitFor(() => {
    aheadMs += 500
    sender.notify()
    expect(rows.size).toBe(0)
  })
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
  peer: FailingPeer
}> {
  const backend = await startBackend()
  backend.logins.set('ann', loginAnswer('ann'))
  backend.downloads.set('link', downloadAnswer('ann'))
  const peer = await startFailingPeer(Number(new URL(backend.url).port))
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
    sha256: null,
  }
  return { id, uploadId: `upload-${id}`, payload, attempts: 0, dueAt: 0, createdAt: 0 }
}
