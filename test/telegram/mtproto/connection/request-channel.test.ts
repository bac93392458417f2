import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { ConnectionError, RpcError } from '../../../../src/telegram/errors.ts'
import { createCongestionWindow } from '../../../../src/telegram/mtproto/connection/congestion-window.ts'
import type { Connection } from '../../../../src/telegram/mtproto/connection/connection.ts'
import type { TlRequest } from '../../../../src/telegram/mtproto/connection/gramjs.ts'
import {
  createRequestChannel,
  DEFAULT_RETRY_POLICY,
  type RequestChannelOptions,
} from '../../../../src/telegram/mtproto/connection/request-channel.ts'

const METHOD = 'upload.SaveFilePart'
const never = new AbortController().signal
const LIMITS = { start: 8, max: 16, perConnection: 4, maxConnections: 4 }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  // The back-off is a random part of its bound: the whole of it here.
  vi.spyOn(Math, 'random').mockReturnValue(1)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** What comes of one try: an answer, or an error. */
type Outcome = string | Error

interface Row {
  name: string
  outcomes: Outcome[]
  policy?: Partial<typeof DEFAULT_RETRY_POLICY>
  call?: { once?: boolean; persistent?: boolean }
  /** The answer, or what the error says. */
  ends: string
  /** Milliseconds until the end. */
  afterMs: number
  /** Requests in flight that are allowed then. */
  window: number
}

const cut = (): Error => new ConnectionError('closed')
const silence = (): Error => new ConnectionError('timeout')
const rpc = (text: string, code = 400): Error => new RpcError(code, text, METHOD)
const down = (retryAfter: number): Error =>
  new AppError('TELEGRAM_UNAVAILABLE', 'it is down', { retryAfter, peerDown: true })

test.each<Row>([
  { name: 'an answer is the end', outcomes: ['yes'], ends: 'yes', afterMs: 0, window: 8 },
  {
    name: 'a connection that was cut is tried again, with three quarters of the window',
    outcomes: [cut(), 'yes'],
    ends: 'yes',
    afterMs: 250,
    window: 6,
  },
  {
    name: 'no answer in time is tried again, with half of the window',
    outcomes: [silence(), 'yes'],
    ends: 'yes',
    afterMs: 250,
    window: 4,
  },
  {
    name: 'the pause doubles with each try',
    outcomes: [cut(), cut(), cut(), 'yes'],
    ends: 'yes',
    afterMs: 250 + 500 + 1000,
    window: 3,
  },
  {
    name: 'a failure inside Telegram is tried again, and leaves the window as it is',
    outcomes: [rpc('INTERNAL', 500), rpc('Timeout', -503), 'yes'],
    ends: 'yes',
    afterMs: 250 + 500,
    window: 8,
  },
  {
    name: 'a refusal is final',
    outcomes: [rpc('CHANNEL_PRIVATE')],
    ends: 'CHANNEL_PRIVATE',
    afterMs: 0,
    window: 8,
  },
  {
    name: 'an error that is not Telegram’s is final',
    outcomes: [new Error('a bug')],
    ends: 'a bug',
    afterMs: 0,
    window: 8,
  },
  {
    name: 'a call fails after its last try',
    outcomes: [cut(), cut(), cut()],
    policy: { attempts: 3 },
    ends: 'closed',
    afterMs: 250 + 500,
    window: 3,
  },
  {
    name: 'a wait is obeyed, uses up no try, and halves the window',
    outcomes: [rpc('FLOOD_WAIT_30', 420), 'yes'],
    policy: { attempts: 1 },
    ends: 'yes',
    afterMs: 30_000,
    window: 4,
  },
  {
    name: 'a wait that is longer than the policy allows ends the call',
    outcomes: [rpc('FLOOD_WAIT_61', 420)],
    ends: 'Telegram asks to wait',
    afterMs: 0,
    window: 4,
  },
  {
    name: 'a persistent call waits for a longer one',
    outcomes: [rpc('FLOOD_WAIT_61', 420), 'yes'],
    call: { persistent: true },
    ends: 'yes',
    afterMs: 61_000,
    window: 4,
  },
  {
    name: 'a wait that goes beyond the time of the call ends a persistent one too',
    outcomes: [rpc('FLOOD_WAIT_61', 420)],
    policy: { totalMs: 60_000 },
    call: { persistent: true },
    ends: 'Telegram asks to wait',
    afterMs: 0,
    window: 4,
  },
  {
    name: 'a call that must be sent once is not tried again when it may have reached Telegram',
    outcomes: [cut()],
    call: { once: true },
    ends: 'closed',
    afterMs: 0,
    window: 6,
  },
  {
    name: 'a data centre that is down ends a call at once',
    outcomes: [down(3)],
    ends: 'it is down',
    afterMs: 0,
    window: 8,
  },
  {
    name: 'a persistent call waits until the data centre is back',
    outcomes: [down(3), down(3), 'yes'],
    call: { persistent: true },
    ends: 'yes',
    afterMs: 2 * (3_000 + 500),
    window: 8,
  },
  {
    name: 'a persistent call waits for a data centre no longer than the policy allows',
    outcomes: [down(3), down(3)],
    policy: { outageMs: 4_000 },
    call: { persistent: true },
    ends: 'it is down',
    afterMs: 3_500,
    window: 8,
  },
])('$name', async ({ outcomes, policy, call, ends, afterMs, window }) => {
  const { channel, congestion, tries } = harness(outcomes, policy)
  const startedAt = performance.now()

  const ended = channel
    .call(METHOD, buildRequest, { signal: never, ...call })
    .catch((error: Error) => error)
    .then((end) => ({ end, ms: performance.now() - startedAt }))
  await vi.runAllTimersAsync()
  const { end, ms } = await ended

  expect(end instanceof Error ? end.message : end).toContain(ends)
  expect(ms).toBeCloseTo(afterMs, -1)
  expect(congestion.window).toBe(window)
  expect(tries()).toBe(outcomes.length)
})

test('the time for an answer doubles with each try', async () => {
  const { channel, timeouts } = harness([silence(), silence(), 'yes'])

  const ended = channel.call(METHOD, buildRequest, { signal: never })
  await vi.runAllTimersAsync()
  await ended

  expect(timeouts).toEqual([20_000, 40_000, 80_000])
})

test('a request is made anew for each try', async () => {
  const { channel } = harness([cut(), cut(), 'yes'])
  const build = vi.fn(buildRequest)

  const ended = channel.call(METHOD, build, { signal: never })
  await vi.runAllTimersAsync()
  await ended

  expect(build).toHaveBeenCalledTimes(3)
})

test('a permit that the caller brings is used for the first try, and given back once', async () => {
  const { channel, congestion } = harness([cut(), 'yes'])
  const permit = await congestion.acquire(METHOD, never)
  const release = vi.spyOn(permit, 'release')
  const acquire = vi.spyOn(congestion, 'acquire')

  const ended = channel.call(METHOD, buildRequest, { signal: never, permit })
  await vi.runAllTimersAsync()
  await ended

  expect(release).toHaveBeenCalledTimes(1)
  expect(acquire).toHaveBeenCalledTimes(1)
})

test('an abort ends the pause between two tries with its reason', async () => {
  const { channel } = harness([cut(), 'yes'])
  const leaving = new AbortController()
  const ended = channel.call(METHOD, buildRequest, { signal: leaving.signal })
  const caught = ended.catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(100)

  leaving.abort(new Error('left'))

  expect(await caught).toBe('left')
})

test('a wait that comes before any call holds for every method', async () => {
  const onFlood = vi.fn()
  const { channel, congestion } = harness(
    [],
    {},
    {
      onFlood,
      pick: async () => Promise.reject(rpc('FLOOD_WAIT_5', 420)),
    },
  )

  const ended = channel.call(METHOD, buildRequest, { signal: never }).catch(() => {})
  await vi.advanceTimersByTimeAsync(10)

  expect(onFlood).toHaveBeenCalledWith(null, 5)
  const waits = vi.fn()
  void congestion.acquire('messages.GetHistory', never, { onWait: waits }).catch(() => {})
  await vi.advanceTimersByTimeAsync(0)
  expect(waits).toHaveBeenCalledWith(5)
  void ended
})

test('an ordinary call takes no slot of the window, and does not grow it', async () => {
  const { channel, congestion } = harness(['yes'], {}, { ordinary: true })
  const held = await Promise.all(Array.from({ length: 8 }, () => congestion.acquire(METHOD, never)))

  const ended = channel.call('messages.GetHistory', buildRequest, { signal: never })
  await vi.runAllTimersAsync()

  expect(await ended).toBe('yes')
  expect(congestion.window).toBe(8)
  for (const permit of held) permit.release()
})

const buildRequest = (): TlRequest<string> => ({}) as TlRequest<string>

function harness(
  outcomes: Outcome[],
  policy: Partial<typeof DEFAULT_RETRY_POLICY> = {},
  changes: Partial<RequestChannelOptions> = {},
) {
  const congestion = createCongestionWindow(LIMITS)
  const timeouts: number[] = []
  let tries = 0
  const connection = {
    request: async (_request: unknown, { timeoutMs }: { timeoutMs: number }) => {
      timeouts.push(timeoutMs)
      const outcome = outcomes[tries++]
      if (outcome instanceof Error) throw outcome
      return outcome
    },
  } as unknown as Connection
  const channel = createRequestChannel({
    congestion,
    pick: async () => connection,
    retryPolicy: { ...DEFAULT_RETRY_POLICY, ...policy },
    ...changes,
  })
  return { channel, congestion, timeouts, tries: () => tries }
}
