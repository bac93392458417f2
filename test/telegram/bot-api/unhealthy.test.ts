import { expect, test } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import {
  type CircuitLimits,
  createCircuitBreaker,
} from '../../../src/lib/waiting/circuit-breaker.ts'
import { type BotApiRoad, createBotApiRoad } from '../../../src/telegram/bot-api/bot-api-road.ts'
import { peerDown } from '../../../src/telegram/circuits.ts'
import {
  type FailingPeer,
  HTTP_FAULTS,
  startFailingPeer,
} from '../../helpers/peers/failing-peer.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { type StoppedClock, stopClock } from '../../helpers/stopped-clock.ts'
import { type Answer, type FakeBotApi, startBotApi, TOKEN } from './fake-bot-api.ts'
import { makeRequest } from './transfer-request.ts'

const { signal } = new AbortController()
const BREAK_MS = 300
const PATIENT_MS = 30_000

test.each(HTTP_FAULTS)(
  'a Bot API that %s opens its circuit, is not asked while it is open, and closes it when it answers',
  async (fault) => {
    const { api, peer, road, patientRoad, state, clock } = await start({ patienceMs: 300 })
    api.files.set('doc', Buffer.from('0123456789'))
    await peer.fail(fault)

    for (let call = 0; call < 3; call++) {
      await expect(road.findFile(TOKEN, 'doc', signal)).rejects.toMatchObject({
        code: 'TELEGRAM_UNAVAILABLE',
      })
    }

    const { connections } = peer
    expect(state()).toBe('open')
    const request = makeRequest()
    await expect(road.send(request)).rejects.toMatchObject({ peerDown: true, retryAfter: 1 })
    expect(request.saved.every(({ postAttempts }) => postAttempts === 0)).toBe(true)
    expect(peer.connections).toBe(connections)

    await peer.recover()
    clock.pass(BREAK_MS)
    expect(state()).toBe('half-open')
    expect(await patientRoad.send(makeRequest())).toEqual({
      messageId: 1,
      fileId: 'file-1',
      hasThumbnail: false,
    })
    expect(state()).toBe('closed')
  },
)

test('a file is given back, to be sent later, when the Bot API goes down meanwhile', async () => {
  const { peer, road, state, api } = await start()
  await peer.fail('resets at once')
  const request = makeRequest()

  await expect(road.send(request)).rejects.toMatchObject({
    code: 'TELEGRAM_UNAVAILABLE',
    peerDown: true,
    cause: expect.any(AppError),
  })

  expect(state()).toBe('open')
  expect(peer.connections).toBe(3)
  expect(api.posted).toEqual([])
})

test.each<[string, Answer]>([
  ['a flood', { kind: 'error', code: 429, description: 'Too Many Requests', retryAfter: 9 }],
  ['a refused token', { kind: 'error', code: 401, description: 'Unauthorized' }],
  ['an unknown chat', { kind: 'error', code: 400, description: 'Bad Request: chat not found' }],
  ['a bot that may not post', { kind: 'error', code: 403, description: 'Forbidden' }],
  ['a file that is too large', { kind: 'early', status: 413 }],
  ["a proxy's 404", { kind: 'html', status: 404 }],
])('%s never opens the circuit', async (_name, answer) => {
  const { api, road, state } = await start({ attempts: 1 })
  api.script.push(...Array.from({ length: 8 }, () => answer))

  for (let call = 0; call < 8; call++) {
    await expect(road.send(makeRequest())).rejects.toMatchObject({ peerDown: false })
  }

  expect(state()).toBe('closed')
  expect(api.calls).toHaveLength(8)
})

test('an unreadable file and a caller that leaves do not count for the circuit', async () => {
  const { road, state } = await start()

  for (let call = 0; call < 5; call++) {
    const beforeRead = async (): Promise<void> => {
      throw new AppError('SPOOL_DAMAGED', 'gone')
    }
    await expect(road.send(makeRequest({ beforeRead }))).rejects.toMatchObject({
      code: 'SPOOL_DAMAGED',
    })
    const leaving = makeRequest({ beforeRead: async () => leaving.abort(new Error('left')) })
    await expect(road.send(leaving)).rejects.toThrow('left')
  }

  expect(state()).toBe('closed')
})

interface Started {
  api: FakeBotApi
  peer: FailingPeer
  road: BotApiRoad
  /** On the same circuit: for a healthy peer, however late a busy machine answers. */
  patientRoad: BotApiRoad
  state: () => string
  clock: StoppedClock
}

async function start({ attempts = 6, patienceMs = PATIENT_MS } = {}): Promise<Started> {
  const clock = stopClock()
  const api = await startBotApi()
  const peer = await startFailingPeer(Number(new URL(api.root).port))
  const limits: CircuitLimits = {
    failures: 3,
    lastingMs: 0,
    firstBreakMs: BREAK_MS,
    longestBreakMs: BREAK_MS,
  }
  const circuit = createCircuitBreaker({ ...limits, refuse: peerDown })
  const roadOf = (ms: number): BotApiRoad =>
    createBotApiRoad({
      root: peer.url,
      local: false,
      log: createRecordingLog(),
      attempts,
      circuit,
      timeouts: { connectMs: ms, stallMs: ms, answerMs: ms, lookAfterMs: [1] },
    })
  const [road, patientRoad] = [roadOf(patienceMs), roadOf(PATIENT_MS)]
  return { api, peer, road, patientRoad, state: () => circuit.state, clock }
}
