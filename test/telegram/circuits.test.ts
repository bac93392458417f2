import { expect, test } from 'vitest'
import { statusOfCircuits } from '../../src/core/runtime/readiness.ts'
import { AppError } from '../../src/errors.ts'
import type { HealthReader } from '../../src/lib/waiting/circuit-breaker.ts'
import { createTelegramCircuits, type TelegramCircuits } from '../../src/telegram/circuits.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'

const DC2 = { host: '149.154.167.51', port: 443 }
const DC2_TOO = { host: '149.154.167.50', port: 443 }
const DC4 = { host: '149.154.167.91', port: 443 }
const NOWHERE = { host: '192.0.2.1', port: 443 }

const health: HealthReader<unknown> = { ofError: () => 'unhealthy' }

test('the status leaves out circuits that have not been used for ten minutes', async () => {
  const { circuits, clock } = start()
  expect(circuits.status()).toEqual({})
  expect(circuits.vital()).toEqual([])

  await connect(circuits, 2, DC2)
  await circuits.botApi.run(async () => {}, health)
  expect(circuits.status()).toEqual({ 'bot-api': closed, dc2: closed })

  clock.time += 600_001
  expect(circuits.status()).toEqual({})
})

test('an address that leads nowhere shuts out no other address and is not in the status', async () => {
  const { circuits } = start()
  for (let call = 0; call < 5; call++) await fail(circuits, 2, NOWHERE)

  await expect(connect(circuits, 2, NOWHERE)).rejects.toMatchObject({ peerDown: true })

  expect(circuits.status()).toEqual({})
  await connect(circuits, 2, DC2)
  expect(circuits.status()).toEqual({ dc2: closed })
})

test('a data centre has the state of its best endpoint', async () => {
  const { circuits } = start()
  for (let call = 0; call < 3; call++) await fail(circuits, 2, DC2)
  expect(circuits.status()).toMatchObject({ dc2: { state: 'open' } })

  await connect(circuits, 2, DC2_TOO)

  expect(circuits.status()).toEqual({ dc2: closed })
})

test('a data centre that is connected to for files only does not decide readiness', async () => {
  const { circuits } = start()
  await connect(circuits, 2, DC2)
  for (let call = 0; call < 3; call++) await fail(circuits, 4, DC4, false)
  await connect(circuits, 203, { host: '149.154.171.5', port: 443 }, false)

  const status = statusOfCircuits(circuits.status(), circuits.vital())

  expect(circuits.vital()).toEqual(['dc2'])
  expect(status).toEqual({
    ready: true,
    circuits: { dc2: 'closed', dc4: 'open', cdn: 'closed' },
  })
})

test('Telegram is not ready while every vital circuit is open, and says when to ask again', async () => {
  const { circuits } = start()
  for (let call = 0; call < 3; call++) {
    await fail(circuits, 2, DC2)
    await circuits.botApi.run(down, health).catch(() => {})
  }
  await connect(circuits, 4, DC4, false)

  expect(statusOfCircuits(circuits.status(), circuits.vital())).toEqual({
    ready: false,
    reason: 'does not answer',
    retryAfter: 60,
    circuits: { 'bot-api': 'open', dc2: 'open', dc4: 'closed' },
  })
})

test('a circuit whose break is over counts as ready', async () => {
  const { circuits } = start(0)
  for (let call = 0; call < 3; call++) await fail(circuits, 2, DC2)

  const status = statusOfCircuits(circuits.status(), circuits.vital())

  expect(status).toEqual({ ready: true, circuits: { dc2: 'half-open' } })
})

test('of a thousand addresses the oldest are forgotten', async () => {
  const { circuits } = start()
  for (let call = 0; call < 3; call++) await fail(circuits, 2, NOWHERE)
  for (let port = 1; port <= 1000; port++) await connect(circuits, 2, { ...NOWHERE, port })

  // Forgotten, so that it is tried again.
  await expect(connect(circuits, 2, NOWHERE)).resolves.toBe('connected')
})

const closed = { state: 'closed', retryAfter: 0 }

function start(firstBreakMs = 60_000): { circuits: TelegramCircuits; clock: { time: number } } {
  const clock = { time: 1_000_000 }
  const circuits = createTelegramCircuits({
    log: createRecordingLog(),
    server: null,
    limits: { failures: 3, lastingMs: 0, firstBreakMs, longestBreakMs: firstBreakMs },
    now: () => clock.time,
  })
  return { circuits, clock }
}

type Address = typeof DC2

function connect(
  circuits: TelegramCircuits,
  dcId: number,
  address: Address,
  home = true,
): Promise<string> {
  return circuits.connect({ dcId, address, home }, async () => 'connected', health)
}

async function fail(
  circuits: TelegramCircuits,
  dcId: number,
  address: Address,
  home = true,
): Promise<void> {
  await circuits.connect({ dcId, address, home }, down, health).catch(() => {})
}

async function down(): Promise<never> {
  throw new AppError('TELEGRAM_UNAVAILABLE', 'down')
}
