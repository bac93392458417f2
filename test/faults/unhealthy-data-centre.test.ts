import { type Emulator, toTelethonSession } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import type { Credentials } from '../../src/core/ports/credentials.ts'
import { MiB } from '../../src/lib/units.ts'
import { parseSession } from '../../src/telegram/mtproto/connection/session.ts'
import { startFailingPeer } from '../helpers/peers/failing-peer.ts'
import { startSharedTelegram, startTelegram } from '../helpers/peers/telegram.ts'
import { jumpAhead } from '../helpers/stopped-clock.ts'
import {
  createFile,
  createRequest,
  type GatewayOptions,
  startGateway,
  userOf,
} from '../telegram/mtproto/setup.ts'

const { signal } = new AbortController()
const QUICK: GatewayOptions = {
  openMs: 5_000,
  retryPolicy: { answerMs: 1000, outageMs: 400 },
  circuit: { failures: 3, lastingMs: 0, firstBreakMs: 500, longestBreakMs: 500 },
}
/** No break ends while a test looks at what happens in it. */
const BREAK_MS = 300_000
const LASTING = { ...QUICK.circuit, firstBreakMs: BREAK_MS, longestBreakMs: BREAK_MS }

const shared = await startSharedTelegram()

test.each([
  'refuses connections',
  'says nothing',
  'resets at once',
  'sends rubbish',
  'answers HTML with 200',
  'drips',
] as const)(
  'a data centre that %s opens its circuit, is not asked while it is open, and closes it when it answers',
  async (fault) => {
    const { peer, credentials } = await behindFailingPeer(shared)
    const { gateway } = startGateway(shared, { ...QUICK, circuit: LASTING })
    await peer.fail(fault)

    await expect(gateway.finish(requestOf(credentials))).rejects.toMatchObject({
      code: 'TELEGRAM_UNAVAILABLE',
      peerDown: true,
      retryAfter: expect.any(Number),
    })

    const { connections } = peer
    expect(gateway.circuits()).toEqual({
      all: { dc2: { state: 'open', retryAfter: expect.any(Number) } },
      vital: ['dc2'],
    })
    expect(() => gateway.assertReachable(credentials, 100)).toThrow('Telegram cannot be reached')
    await expect(gateway.locate(credentials, 1, signal)).rejects.toMatchObject({ peerDown: true })
    expect(peer.connections).toBe(connections)

    await peer.recover()
    jumpAhead(BREAK_MS)
    expect(stateOf(gateway)).toBe('half-open')
    await gateway.finish(requestOf(credentials))
    expect(stateOf(gateway)).toBe('closed')
  },
)

test("one user's address that leads nowhere holds up no other user", async () => {
  const { peer, credentials } = await behindFailingPeer(shared)
  const { gateway } = startGateway(shared, QUICK)
  await peer.fail('refuses connections')
  await expect(gateway.finish(requestOf(credentials))).rejects.toMatchObject({ peerDown: true })

  await gateway.finish(requestOf(userOf(shared.createAccount({ label: 'healthy' }))))

  expect(stateOf(gateway)).toBe('closed')
})

test.each([
  ['a key that Telegram has forgotten', 'forget'],
  ['a session that was ended', 'unregister'],
] as const)('%s never opens the circuit', async (_name, how) => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, QUICK)

  for (let user = 0; user < 5; user++) {
    const account = telegram.createAccount({ label: `user-${user}` })
    telegram.faults.revokeKey(account.authKeyId ?? '', how)
    await expect(gateway.finish(requestOf(userOf(account)))).rejects.toMatchObject({
      code: 'TELEGRAM_SESSION_INVALID',
    })
  }

  expect(stateOf(gateway)).toBe('closed')
})

test.each([
  ['a flood', { kind: 'error', code: 420, message: 'FLOOD_WAIT_9000' }],
  ["an error of Telegram's own", { kind: 'error', code: 500, message: 'RPC_CALL_FAIL' }],
  ['a refusal', { kind: 'error', code: 400, message: 'FILE_REFERENCE_EMPTY' }],
  ['a call that is never answered', { kind: 'silence' }],
] as const)('%s never opens the circuit', async (_name, effect) => {
  const telegram = await startTelegram()
  const retryPolicy = { answerMs: 100, attempts: 2 }
  const { gateway } = startGateway(telegram, { ...QUICK, retryPolicy })
  telegram.faults.add({ method: 'messages.*', effect })

  for (let call = 0; call < 3; call++) {
    // Each with an account of its own: a flood holds up all that one account asks.
    const request = requestOf(userOf(telegram.createAccount({ label: `user-${call}` })))
    await expect(gateway.finish(request)).rejects.toMatchObject({ peerDown: false })
  }

  expect(stateOf(gateway)).toBe('closed')
})

test('a reader waits for a data centre that is down, and goes on when it is back', async () => {
  const telegram = await startTelegram()
  const { gateway, credentials, document } = await withDocument(telegram, {
    retryPolicy: { ...QUICK.retryPolicy, outageMs: 120_000 },
  })
  const down = goDown(telegram)

  const reading = gateway.readBlock(document, { offset: 0, length: MiB }, signal)
  await vi.waitFor(() => expect(stateOf(gateway)).toBe('open'))
  telegram.faults.remove(down)

  expect((await reading).length).toBe(MiB)
  await gateway.finish(requestOf(credentials))
})

test('a reader of a data centre that stays down gets TELEGRAM_UNAVAILABLE', async () => {
  const telegram = await startTelegram()
  const { gateway, document } = await withDocument(telegram, {
    retryPolicy: { ...QUICK.retryPolicy, outageMs: 100 },
  })
  goDown(telegram)

  const reading = gateway.readBlock(document, { offset: 0, length: MiB }, signal)

  await expect(reading).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE', peerDown: true })
})

test('another data centre that is down stops its own files only', async () => {
  const telegram = await startTelegram()
  const { gateway, credentials, document } = await withDocument(telegram, {
    retryPolicy: { ...QUICK.retryPolicy, outageMs: 100 },
    circuit: LASTING,
  })
  goDown(telegram, 4)
  telegram.faults.migrateDocuments(4)

  const reading = gateway.readBlock(document, { offset: 0, length: MiB }, signal)
  await expect(reading).rejects.toMatchObject({ peerDown: true })

  const { all, vital } = gateway.circuits()
  expect(all).toMatchObject({ dc2: { state: 'closed' }, dc4: { state: 'open' } })
  expect(vital).toEqual(['dc2'])
  await gateway.finish(requestOf(credentials))
})

/** An account whose session leads to a door of its own before the real data centre. */
async function behindFailingPeer(telegram: Emulator) {
  const account = telegram.createAccount({ label: `door-${Math.random()}` })
  const { dcId, authKey } = parseSession(account.session ?? '')
  const peer = await startFailingPeer(telegram.mtproto.port)
  const address = { dcId, host: '127.0.0.1', port: peer.port, key: authKey }
  const credentials: Credentials = { ...userOf(account), session: toTelethonSession(address) }
  return { peer, credentials }
}

async function withDocument(telegram: Emulator, options: GatewayOptions) {
  const { gateway } = startGateway(telegram, { ...QUICK, ...options })
  const credentials = userOf(telegram.account)
  const { messageId } = await gateway.finish(requestOf(credentials, 2 * MiB))
  const document = await gateway.locate(credentials, messageId, signal)
  return { gateway, credentials, document }
}

/** Every connection is cut at its first call, in one data centre or all. */
function goDown(telegram: Emulator, dcId?: number): number {
  const effect = { kind: 'drop' } as const
  const rule = telegram.faults.add({ method: '*', effect, ...(dcId !== undefined && { dcId }) })
  if (dcId === undefined) telegram.faults.cutConnections()
  return rule
}

function requestOf(credentials: Credentials, size = 100) {
  return createRequest(credentials, createFile(size))
}

function stateOf(gateway: ReturnType<typeof startGateway>['gateway']): string | undefined {
  return gateway.circuits().all.dc2?.state
}
