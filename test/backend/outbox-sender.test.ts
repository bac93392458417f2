import { expect, onTestFinished, test, vi } from 'vitest'
import { createBackendClient } from '../../src/backend/backend-client.ts'
import { createOutboxSender, type OutboxSender } from '../../src/backend/outbox-sender.ts'
import type { Ledger } from '../../src/core/ports/ledger.ts'
import type { WebhookEvent } from '../../src/core/ports/records.ts'
import { AppError } from '../../src/errors.ts'
import { startBackend } from '../helpers/peers/fake-backend.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

test('a webhook that an earlier process left is delivered at the start, under its key', async () => {
  const backend = await startBackend()
  const outbox = memoryOutbox()
  outbox.write('one', 'two')
  const client = createBackendClient({ baseUrl: backend.url, log: createRecordingLog() })

  start(outbox, client.deliverWebhook)

  await soon(() => expect(outbox.rows.size).toBe(0))
  const keys = backend.calls.map((call) => call.headers['idempotency-key'])
  expect(keys.toSorted()).toEqual(['one', 'two'])
})

test('a webhook that is written later is delivered at the notification', async () => {
  const outbox = memoryOutbox()
  const delivered: string[] = []
  const sender = start(outbox, async (event) => void delivered.push(event.id))
  await soon(() => expect(outbox.rounds).toBeGreaterThan(0))

  outbox.write('late')
  sender.notify()

  await soon(() => expect(outbox.rows.size).toBe(0))
  expect(delivered).toEqual(['late'])
})

test('a webhook that was delivered while the disk was full is not delivered again', async () => {
  const outbox = memoryOutbox()
  const delivered: string[] = []
  const failing = vi.spyOn(outbox, 'deleteWebhook').mockImplementation(() => {
    throw new AppError('SPOOL_FULL', 'full')
  })
  const sender = start(outbox, async (event) => void delivered.push(event.id))
  outbox.write('one', 'two')

  for (let round = 1; round <= 3; round++) {
    sender.notify()
    await soon(() => expect(failing.mock.calls.length).toBeGreaterThanOrEqual(2 * round))
  }
  failing.mockRestore()
  sender.notify()

  await soon(() => expect(outbox.rows.size).toBe(0))
  expect(delivered.toSorted()).toEqual(['one', 'two'])
})

test('a backend that is down is asked less and less often, and nothing is lost', async () => {
  const outbox = memoryOutbox()
  const deliver = vi.fn(async () => {
    throw new AppError('BACKEND_UNAVAILABLE', 'down')
  })
  const sender = start(outbox, deliver)
  outbox.write('one')

  const delays: number[] = []
  while (outbox.time < 2 * DAY) {
    sender.notify()
    await soon(() => expect(outbox.row('one').attempts).toBe(delays.length + 1))
    delays.push(outbox.row('one').dueAt - outbox.time)
    outbox.time = outbox.row('one').dueAt
  }

  expect(delays[0]).toBeGreaterThanOrEqual(1000)
  expect(delays[0]).toBeLessThanOrEqual(2000)
  expect(Math.max(...delays)).toBeLessThanOrEqual(15 * MINUTE)
  expect(Math.min(...delays.slice(12))).toBeGreaterThanOrEqual(7.5 * MINUTE)
})

test('a webhook waits for as long as the backend asks', async () => {
  const outbox = memoryOutbox()
  start(outbox, async () => {
    throw new AppError('BACKEND_UNAVAILABLE', 'down', { retryAfter: 3600 })
  })
  outbox.write('one')

  await soon(() => expect(outbox.row('one').attempts).toBe(1))
  expect(outbox.row('one').dueAt).toBe(outbox.time + 60 * MINUTE)
})

test('a webhook that the backend refuses is tried slowly for a day, then dropped loudly', async () => {
  const outbox = memoryOutbox()
  const log = createRecordingLog()
  const deliver = vi.fn(async () => {
    throw new AppError('INVALID_REQUEST', 'refused')
  })
  const sender = start(outbox, deliver, log)
  outbox.write('one')

  while (outbox.rows.has('one')) {
    const tries = deliver.mock.calls.length
    sender.notify()
    await soon(() => expect(deliver.mock.calls.length).toBe(tries + 1))
    await soon(() => expect(outbox.rows.get('one')?.dueAt).not.toBe(outbox.time))
    outbox.time = outbox.rows.get('one')?.dueAt ?? outbox.time
  }

  expect(outbox.time).toBeGreaterThanOrEqual(DAY)
  expect(deliver.mock.calls.length).toBeLessThan(250)
  expect(log.entries.filter((entry) => entry.level === 'error')).toHaveLength(1)
})

test('a webhook in its back-off holds up no other', async () => {
  const outbox = memoryOutbox()
  const delivered: string[] = []
  start(outbox, async (event) => {
    if (event.id === 'bad') throw new AppError('BACKEND_UNAVAILABLE', 'down')
    delivered.push(event.id)
  })
  outbox.write('bad', 'good-1', 'good-2', 'good-3', 'good-4', 'good-5')

  await soon(() => expect(delivered).toHaveLength(5))
  expect([...outbox.rows.keys()]).toEqual(['bad'])
})

test('closing gives up the running delivery and leaves its webhook due', async () => {
  const outbox = memoryOutbox()
  outbox.write('one')
  const started = vi.fn()
  const sender = start(outbox, (_, signal) => {
    started()
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  })
  await soon(() => expect(started).toHaveBeenCalled())

  await sender.close()

  expect(outbox.row('one')).toMatchObject({ attempts: 0, dueAt: 0 })
})

test('two nodes with one outbox send each webhook once', async () => {
  const outbox = memoryOutbox()
  outbox.write(...Array.from({ length: 40 }, (_, n) => `event ${n}`))
  const delivered: string[] = []
  const deliver = async (event: WebhookEvent) => {
    await new Promise((resolve) => setImmediate(resolve))
    delivered.push(event.id)
  }

  startShared(outbox, deliver)
  startShared(outbox, deliver)

  await soon(() => expect(outbox.rows.size).toBe(0))
  expect(delivered).toHaveLength(40)
  expect(new Set(delivered).size).toBe(40)
})

test('what a node was sending that was killed another one sends within a minute', async () => {
  const outbox = memoryOutbox()
  outbox.write('one')
  const killed = vi.fn(() => new Promise<void>(() => {}))
  createOutboxSender({
    ledger: outbox,
    isShared: true,
    deliver: killed,
    log: createRecordingLog(),
    now: () => outbox.time,
  })
  await soon(() => expect(killed).toHaveBeenCalled())
  const deliver = vi.fn(async () => {})
  const other = startShared(outbox, deliver)
  await soon(() => expect(outbox.rounds).toBeGreaterThan(2))
  expect(deliver).not.toHaveBeenCalled()

  outbox.time += MINUTE - 10_000
  other.notify()

  await soon(() => expect(outbox.rows.size).toBe(0))
  expect(deliver).toHaveBeenCalledOnce()
})

test.each([
  ['a node that stops', async (sender: OutboxSender) => sender.close()],
  ['a backend that is not asked, because it is down', async () => {}],
])('%s leaves a webhook due for other nodes', async (_name, stop) => {
  const outbox = memoryOutbox()
  outbox.write('one')
  const begun = Promise.withResolvers<void>()
  const sender = startShared(outbox, (_event, signal) => {
    begun.resolve()
    if (stop.length === 0) throw new AppError('BACKEND_UNAVAILABLE', 'down', { peerDown: true })
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  })
  await begun.promise

  await stop(sender)

  await soon(() => expect(outbox.row('one')).toMatchObject({ dueAt: 0, attempts: 0 }))
})

/** Makes a round every millisecond: some of these tests live through days. */
function soon(check: () => void): Promise<void> {
  return vi.waitFor(check, { interval: 1 })
}

interface MemoryOutbox
  extends Pick<
    Ledger,
    'dueWebhooks' | 'releaseWebhook' | 'nextWebhookAt' | 'postponeWebhook' | 'deleteWebhook'
  > {
  readonly rows: Map<string, WebhookEvent>
  row: (id: string) => WebhookEvent
  write: (...ids: string[]) => void
  time: number
  readonly rounds: number
}

function memoryOutbox(): MemoryOutbox {
  const rows = new Map<string, WebhookEvent>()
  let rounds = 0
  const outbox: MemoryOutbox = {
    rows,
    time: 0,
    get rounds() {
      return rounds
    },
    row: (id) => {
      const row = rows.get(id)
      if (!row) throw new Error(`${id} is gone`)
      return row
    },
    write: (...ids) => {
      for (const id of ids) rows.set(id, event(id))
    },
    dueWebhooks: async (now, limit, until) => {
      rounds++
      const due = [...rows.values()].filter((row) => row.dueAt <= now).slice(0, limit)
      if (until !== undefined) for (const row of due) rows.set(row.id, { ...row, dueAt: until })
      return due
    },
    releaseWebhook: async (id, dueAt) => void rows.set(id, { ...outbox.row(id), dueAt }),
    nextWebhookAt: async () =>
      rows.size === 0 ? null : Math.min(...[...rows.values()].map((row) => row.dueAt)),
    postponeWebhook: async (id, dueAt) => {
      // As the real one, whose column is for integers alone.
      if (!Number.isInteger(dueAt)) throw new TypeError('a time in whole milliseconds is wanted')
      const row = outbox.row(id)
      rows.set(id, { ...row, dueAt, attempts: row.attempts + 1 })
    },
    deleteWebhook: async (id) => void rows.delete(id),
  }
  return outbox
}

function start(
  outbox: MemoryOutbox,
  deliver: (event: WebhookEvent, signal: AbortSignal) => Promise<void>,
  log = createRecordingLog(),
): OutboxSender {
  const sender = createOutboxSender({ ledger: outbox, deliver, log, now: () => outbox.time })
  onTestFinished(() => sender.close())
  sender.notify()
  return sender
}

/** One of several nodes that send from one outbox. */
function startShared(
  outbox: MemoryOutbox,
  deliver: (event: WebhookEvent, signal: AbortSignal) => Promise<void>,
): OutboxSender {
  const sender = createOutboxSender({
    ledger: outbox,
    isShared: true,
    deliver,
    log: createRecordingLog(),
    now: () => outbox.time,
  })
  onTestFinished(() => sender.close())
  return sender
}

function event(id: string): WebhookEvent {
  const payload = {
    userId: 'anna',
    fileName: 'a.bin',
    messageId: 1,
    fileId: 'f',
    size: 1,
    mimeType: 'application/octet-stream',
    sha256: null,
  }
  return { id, uploadId: `upload-${id}`, payload, attempts: 0, dueAt: 0, createdAt: 0 }
}
