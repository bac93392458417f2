import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type CongestionLimits,
  type CongestionWindow,
  createCongestionWindow,
  type Permit,
} from '../../../../src/telegram/mtproto/connection/congestion-window.ts'

const METHOD = 'upload.SaveFilePart'
const never = new AbortController().signal
const LIMITS = { start: 4, max: 16, perConnection: 4, maxConnections: 4 }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/**
 * `out` sends a request. `answer`, `timeout`, `cut` and `flood` end the oldest one that is out;
 * `later` lets ten milliseconds pass. `round trip` is `out`, `later`, `answer`.
 */
type Event =
  | 'out'
  | 'later'
  | 'answer'
  | 'timeout'
  | 'cut'
  | 'flood'
  | 'round trip'
  | 'one address'
  | 'several addresses'

interface Row {
  name: string
  limits?: Partial<CongestionLimits>
  events: Event[]
  window: number
  connections: number
}

const times = (count: number, ...events: Event[]): Event[] =>
  Array.from({ length: count }, () => events).flat()

test.each<Row>([
  { name: 'it begins with the size that the limits name', events: [], window: 4, connections: 1 },
  {
    name: 'an answer lets it grow by half a request',
    events: ['round trip'],
    window: 4,
    connections: 1,
  },
  {
    name: 'two answers let it grow by one, and a fifth request needs a second connection',
    events: times(2, 'round trip'),
    window: 5,
    connections: 2,
  },
  {
    name: 'it grows up to its maximum',
    events: times(60, 'round trip'),
    window: 16,
    connections: 4,
  },
  {
    name: 'it grows no further than its connections carry',
    limits: { maxConnections: 2 },
    events: times(60, 'round trip'),
    window: 8,
    connections: 2,
  },
  {
    name: 'a timeout halves it',
    limits: { start: 16 },
    events: ['out', 'later', 'timeout'],
    window: 8,
    connections: 2,
  },
  {
    name: 'a cut connection leaves three quarters',
    limits: { start: 16 },
    events: ['out', 'later', 'cut'],
    window: 12,
    connections: 3,
  },
  {
    name: 'a flood wait halves it',
    limits: { start: 16 },
    events: ['out', 'later', 'flood'],
    window: 8,
    connections: 2,
  },
  {
    name: 'requests that were out together shrink it once',
    limits: { start: 16 },
    events: [...times(4, 'out'), 'later', 'timeout', 'later', 'timeout', 'cut', 'flood'],
    window: 8,
    connections: 2,
  },
  {
    name: 'a request that went out after a setback shrinks it again',
    limits: { start: 16 },
    events: ['out', 'later', 'timeout', 'later', 'out', 'timeout'],
    window: 4,
    connections: 1,
  },
  {
    name: 'it never shrinks below one request',
    events: times(9, 'out', 'later', 'timeout', 'later'),
    window: 1,
    connections: 1,
  },
  {
    name: 'answers to requests from before a setback do not let it grow',
    events: [...times(4, 'out'), 'later', 'timeout', ...times(3, 'answer')],
    window: 2,
    connections: 1,
  },
  {
    name: 'after a setback one round of answers lets it grow by less than one',
    limits: { start: 16 },
    events: ['out', 'later', 'timeout', 'later', ...times(8, 'round trip')],
    window: 8,
    connections: 2,
  },
  {
    name: 'after a setback it grows by one in about one round',
    limits: { start: 16 },
    events: ['out', 'later', 'timeout', 'later', ...times(9, 'round trip')],
    window: 9,
    connections: 3,
  },
  {
    name: 'it comes back to its maximum after a setback',
    events: ['out', 'later', 'timeout', 'later', ...times(200, 'round trip')],
    window: 16,
    connections: 4,
  },
  {
    name: 'with one address it stays within one connection',
    events: ['one address', ...times(60, 'round trip')],
    window: 4,
    connections: 1,
  },
  {
    name: 'it shrinks at once when only one address is left',
    limits: { start: 16 },
    events: ['one address'],
    window: 4,
    connections: 1,
  },
  {
    name: 'it grows again when there are several addresses again',
    events: ['one address', 'several addresses', ...times(60, 'round trip')],
    window: 16,
    connections: 4,
  },
])('$name', async ({ limits, events, window, connections }) => {
  const congestion = createCongestionWindow({ ...LIMITS, ...limits })

  await play(congestion, events)

  expect({ window: congestion.window, connections: congestion.connections }).toEqual({
    window,
    connections,
  })
})

test('no more requests are out than the window allows, and the first to wait is the first to go', async () => {
  const congestion = createCongestionWindow(LIMITS)
  const held = await acquireAll(congestion, 4)
  const order: string[] = []
  for (const name of ['a', 'b', 'c']) {
    void congestion.acquire(METHOD, never).then(() => order.push(name))
  }
  await settle()
  expect(order).toEqual([])

  held[0]?.release()
  held[0]?.release()
  await settle()
  expect(order).toEqual(['a'])
  held[1]?.release()
  held[2]?.release()
  await settle()

  expect(order).toEqual(['a', 'b', 'c'])
})

test('a window that grows lets a waiting request go, one that shrank holds it back', async () => {
  const congestion = createCongestionWindow(LIMITS)
  const [first, second, third, fourth] = await acquireAll(congestion, 4)
  let went = 0
  for (const _ of [1, 2]) void congestion.acquire(METHOD, never).then(() => went++)
  if (!first || !second || !third || !fourth) throw new Error('four were acquired')

  congestion.succeeded(first)
  congestion.succeeded(second)
  await settle()
  expect(went).toBe(1)
  await vi.advanceTimersByTimeAsync(10)
  congestion.failed(third, 'timeout')
  third.release()
  fourth.release()
  await settle()

  expect([congestion.window, went]).toEqual([2, 1])
})

test('the round trip is the first one, and then follows the later ones slowly', async () => {
  const congestion = createCongestionWindow(LIMITS)
  expect(congestion.roundTripMs).toBe(0)

  await play(congestion, ['out', ...times(10, 'later'), 'answer'])
  expect(congestion.roundTripMs).toBe(100)
  await play(congestion, ['out', ...times(20, 'later'), 'answer'])

  expect(congestion.roundTripMs).toBe(0.9 * 100 + 0.1 * 200)
})

test('a wait holds its method for every caller, to the millisecond, and each caller is told', async () => {
  const congestion = createCongestionWindow(LIMITS)
  await flood(congestion, METHOD, 3)
  const waits: number[] = []
  const waiting = [1, 2].map(() =>
    watch(congestion.acquire(METHOD, never, { onWait: (seconds) => waits.push(seconds) })),
  )

  await vi.advanceTimersByTimeAsync(2999)
  expect(waiting.map(({ ended }) => ended)).toEqual([false, false])
  await vi.advanceTimersByTimeAsync(1)

  expect(waiting.map(({ ended }) => ended)).toEqual([true, true])
  expect(waits).toEqual([3, 3])
})

test('an ordinary call takes no slot, and waits as long', async () => {
  const congestion = createCongestionWindow({ ...LIMITS, start: 1 })
  await acquireAll(congestion, 1)
  await congestion.acquireUnlimited(METHOD, never)
  await flood(congestion, METHOD, 2)

  const call = watch(congestion.acquireUnlimited(METHOD, never))
  await vi.advanceTimersByTimeAsync(1999)
  expect(call.ended).toBe(false)
  await vi.advanceTimersByTimeAsync(1)

  expect(call.ended).toBe(true)
})

test('a request that was waiting for a slot waits as well when a wait has come meanwhile', async () => {
  const congestion = createCongestionWindow({ ...LIMITS, start: 1 })
  const [held] = await acquireAll(congestion, 1)
  const waiting = watch(congestion.acquire(METHOD, never))
  await settle()

  await flood(congestion, METHOD, 5)
  held?.release()
  await vi.advanceTimersByTimeAsync(4999)
  expect(waiting.ended).toBe(false)
  // The slot is free meanwhile for another method.
  const other = await congestion.acquire('upload.GetFile', never)
  other.release()
  await vi.advanceTimersByTimeAsync(1)

  expect(waiting.ended).toBe(true)
})

test.each([
  { seconds: 60, longestMs: 60_000, ends: 'waits' },
  { seconds: 61, longestMs: 60_000, ends: 'rejects' },
  { seconds: 90_000, longestMs: undefined, ends: 'waits' },
])(
  'a wait of $seconds s, with $longestMs ms at most, $ends',
  async ({ seconds, longestMs, ends }) => {
    const congestion = createCongestionWindow(LIMITS)
    await flood(congestion, METHOD, seconds)
    const onWait = vi.fn()

    const waiting = congestion.acquire(METHOD, never, {
      onWait,
      ...(longestMs !== undefined && { longestMs }),
    })
    const { error } = await Promise.race([
      waiting.then(
        () => ({ error: null }),
        (error: unknown) => ({ error }),
      ),
      settle().then(() => ({ error: 'waits' })),
    ])

    expect(onWait).toHaveBeenCalledWith(seconds)
    if (ends === 'waits') expect(error).toBe('waits')
    else expect(error).toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: seconds })
  },
)

test('a wait holds up its own method alone', async () => {
  const congestion = createCongestionWindow(LIMITS)
  await flood(congestion, 'messages.SendMedia', 25_000)

  const post = congestion.acquireUnlimited('messages.SendMedia', never, { longestMs: 60_000 })

  await expect(post).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 25_000 })
  expect(await congestion.acquire('upload.GetFile', never)).toMatchObject({
    method: 'upload.GetFile',
  })
})

test.each(['method', 'every'] as const)(
  'a shorter wait does not end a longer one (%s)',
  async (scope) => {
    const congestion = createCongestionWindow(LIMITS)
    await flood(congestion, METHOD, 90, scope)
    await flood(congestion, METHOD, 3, scope)

    // Less than either: a wait that was cut short shows in the error, and is not waited for.
    const waiting = congestion.acquireUnlimited(METHOD, never, { longestMs: 1000 })

    await expect(waiting).rejects.toMatchObject({ retryAfter: 90 })
  },
)

test('a wait that came before any call holds up every method', async () => {
  const congestion = createCongestionWindow(LIMITS)
  await flood(congestion, 'upload.GetFile', 90, 'every')

  for (const method of ['upload.GetFile', 'messages.SendMedia']) {
    const waiting = congestion.acquireUnlimited(method, never, { longestMs: 60_000 })
    await expect(waiting, method).rejects.toMatchObject({ retryAfter: 90 })
  }
})

test('an abort ends the wait with its reason', async () => {
  const congestion = createCongestionWindow(LIMITS)
  await flood(congestion, METHOD, 1000)
  const leaver = new AbortController()
  const waiting = congestion.acquire(METHOD, leaver.signal)

  leaver.abort(new Error('left'))

  await expect(waiting).rejects.toThrow('left')
})

async function play(congestion: CongestionWindow, events: readonly Event[]): Promise<void> {
  const out: Permit[] = []
  const end = (settled: (permit: Permit) => void): void => {
    const permit = out.shift()
    if (!permit) throw new Error('no request is out')
    settled(permit)
    permit.release()
  }
  for (const event of events) {
    if (event === 'out') out.push(await congestion.acquire(METHOD, never))
    else if (event === 'later') await vi.advanceTimersByTimeAsync(10)
    else if (event === 'answer') end((permit) => congestion.succeeded(permit))
    else if (event === 'flood') end((permit) => congestion.flooded(permit, 1))
    else if (event === 'round trip') await play(congestion, ['out', 'later', 'answer'])
    else if (event === 'one address') congestion.setAddresses('one')
    else if (event === 'several addresses') congestion.setAddresses('several')
    else end((permit) => congestion.failed(permit, event))
  }
}

function acquireAll(congestion: CongestionWindow, count: number): Promise<Permit[]> {
  return Promise.all(Array.from({ length: count }, () => congestion.acquire(METHOD, never)))
}

async function flood(
  congestion: CongestionWindow,
  method: string,
  seconds: number,
  scope?: 'method' | 'every',
): Promise<void> {
  // A permit of the moment that Telegram's answer belongs to; waits of the method may hold already.
  congestion.flooded({ at: performance.now(), method, release: () => {} }, seconds, scope)
  await settle()
}

function watch(waiting: Promise<unknown>): { ended: boolean } {
  const state = { ended: false }
  void waiting.then(() => {
    state.ended = true
  })
  return state
}

/** Lets everything happen that waits for no time. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}
