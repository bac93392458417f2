import { expect, test, vi } from 'vitest'
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  createCircuitBreaker,
  type HealthReader,
  type PeerHealth,
} from '../../../src/lib/waiting/circuit-breaker.ts'

/** A health is a call that ends with it at once; a number is milliseconds that pass. */
type Step = PeerHealth | number

interface Row {
  steps: Step[]
  /** What `onStateChange` was told. */
  changes: CircuitState[]
  state: CircuitState
  retryAfter?: number
}

/** With the defaults: three failures over a second open it for 2, 4, 8, 16, 30 seconds. */
const FAILURES: Step[] = ['unhealthy', 500, 'unhealthy', 500, 'unhealthy']

test.each<[string, Row]>([
  ['no call leaves it closed', { steps: [], changes: [], state: 'closed' }],
  [
    'two failures over a second leave it closed',
    { steps: ['unhealthy', 1_000, 'unhealthy'], changes: [], state: 'closed' },
  ],
  [
    'three failures within less than a second leave it closed',
    { steps: ['unhealthy', 500, 'unhealthy', 499, 'unhealthy'], changes: [], state: 'closed' },
  ],
  [
    'three failures over a second open it',
    { steps: FAILURES, changes: ['open'], state: 'open', retryAfter: 2 },
  ],
  [
    'a fourth failure opens it once the streak has lasted',
    {
      steps: ['unhealthy', 'unhealthy', 'unhealthy', 1_000, 'unhealthy'],
      changes: ['open'],
      state: 'open',
      retryAfter: 2,
    },
  ],
  [
    'an answer ends the failure streak',
    {
      steps: ['unhealthy', 500, 'unhealthy', 500, 'healthy', 'unhealthy', 500, 'unhealthy'],
      changes: [],
      state: 'closed',
    },
  ],
  [
    'a streak begins anew after an answer, and opens it',
    {
      steps: ['unhealthy', 5_000, 'healthy', ...FAILURES],
      changes: ['open'],
      state: 'open',
      retryAfter: 2,
    },
  ],
  [
    'an outcome that says nothing does not count as a failure',
    { steps: ['unknown', 500, 'unknown', 500, 'unknown', 500], changes: [], state: 'closed' },
  ],
  [
    'an outcome that says nothing does not end the streak',
    {
      steps: ['unhealthy', 500, 'unhealthy', 'unknown', 500, 'unhealthy'],
      changes: ['open'],
      state: 'open',
      retryAfter: 2,
    },
  ],
  [
    'before the end of the break calls are refused and change nothing',
    { steps: [...FAILURES, 1_999, 'healthy'], changes: ['open'], state: 'open', retryAfter: 1 },
  ],
  [
    'the end of the break makes it half-open',
    { steps: [...FAILURES, 2_000], changes: ['open'], state: 'half-open' },
  ],
  [
    'a trial that is answered closes it',
    {
      steps: [...FAILURES, 2_000, 'healthy'],
      changes: ['open', 'half-open', 'closed'],
      state: 'closed',
    },
  ],
  [
    'a trial that fails opens it for twice as long',
    {
      steps: [...FAILURES, 2_000, 'unhealthy'],
      changes: ['open', 'half-open', 'open'],
      state: 'open',
      retryAfter: 4,
    },
  ],
  [
    'a trial that meets silence opens it for twice as long',
    {
      steps: [...FAILURES, 2_000, 'silent'],
      changes: ['open', 'half-open', 'open'],
      state: 'open',
      retryAfter: 4,
    },
  ],
  [
    'a trial that says nothing is followed by another at once',
    {
      steps: [...FAILURES, 2_000, 'unknown'],
      changes: ['open', 'half-open', 'open'],
      state: 'half-open',
    },
  ],
  [
    'a trial that says nothing does not lengthen the break',
    {
      steps: [...FAILURES, 2_000, 'unknown', 'unhealthy'],
      changes: ['open', 'half-open', 'open', 'half-open', 'open'],
      state: 'open',
      retryAfter: 4,
    },
  ],
  [
    'after a close one failure does not open it',
    {
      steps: [...FAILURES, 2_000, 'healthy', 1_000, 'unhealthy'],
      changes: ['open', 'half-open', 'closed'],
      state: 'closed',
    },
  ],
  [
    'after a close the first break is short again',
    {
      steps: [...FAILURES, 2_000, 'unhealthy', 4_000, 'healthy', ...FAILURES],
      changes: ['open', 'half-open', 'open', 'half-open', 'closed', 'open'],
      state: 'open',
      retryAfter: 2,
    },
  ],
])('%s', async (_name, { steps, changes, state, retryAfter = 0 }) => {
  const { circuit, clock, states } = start()

  for (const step of steps) {
    if (typeof step === 'number') clock.pass(step)
    else await end(circuit, step)
  }

  expect(states).toEqual(changes)
  expect({ state: circuit.state, retryAfter: circuit.retryAfter }).toEqual({ state, retryAfter })
})

test('an open circuit refuses calls without running them', async () => {
  const { circuit } = await open()
  const work = vi.fn(async () => 'answer')

  await expect(circuit.run(work, reader)).rejects.toThrow('refused for 2 s')

  expect(work).not.toHaveBeenCalled()
})

test('a cut that ends twenty calls at once leaves it closed', async () => {
  const { circuit, clock } = start()
  const calls = Array.from({ length: 20 }, () => begin(circuit))
  clock.pass(5000)

  for (const call of calls) call.end('unhealthy')
  await Promise.allSettled(calls.map((call) => call.done))

  expect(circuit.state).toBe('closed')
})

test('three calls that met silence throughout open it as soon as they give up', async () => {
  const { circuit, clock } = start()
  const calls = Array.from({ length: 3 }, () => begin(circuit))
  clock.pass(10_000)

  for (const call of calls) call.end('silent')
  await Promise.allSettled(calls.map((call) => call.done))

  expect(circuit.state).toBe('open')
})

test('silence counts from the last answer, not from before it', async () => {
  const { circuit, clock } = start()
  const calls = Array.from({ length: 3 }, () => begin(circuit))
  clock.pass(10_000)
  await end(circuit, 'healthy')

  for (const call of calls) call.end('silent')
  await Promise.allSettled(calls.map((call) => call.done))

  expect(circuit.state).toBe('closed')
})

test('during a trial other calls are refused for a second', async () => {
  const { circuit, clock } = await open()
  clock.pass(2000)

  const trial = begin(circuit)
  await expect(begin(circuit).done).rejects.toThrow('refused for 1 s')
  trial.end('healthy')
  await expect(trial.done).rejects.toThrow('healthy')

  expect(circuit.state).toBe('closed')
})

test('failed trials double the break up to 30 seconds', async () => {
  const { circuit, clock } = await open()

  const breaks: number[] = []
  for (let trial = 0; trial < 6; trial++) {
    breaks.push(circuit.retryAfter)
    clock.pass(circuit.retryAfter * 1000)
    await end(circuit, 'unhealthy')
  }

  expect(breaks).toEqual([2, 4, 8, 16, 30, 30])
})

test('calls that began before it opened change nothing when they end later', async () => {
  const { circuit, clock } = start({ lastingMs: 0 })
  const early = Array.from({ length: 4 }, () => begin(circuit))
  for (let failure = 0; failure < 3; failure++) await end(circuit, 'unhealthy')
  early[0]?.end('healthy')
  await expect(early[0]?.done).rejects.toThrow('healthy')
  expect(circuit.state).toBe('open')
  clock.pass(2000)
  await circuit.run(async () => 'answer', reader)

  for (const call of early.slice(1)) call.end('unhealthy')
  await Promise.allSettled(early.slice(1).map((call) => call.done))

  expect(circuit.state).toBe('closed')
})

test('the failure that opens it, and that of a trial, say when to come again', async () => {
  const { circuit, clock } = start({ lastingMs: 0, failures: 2 })
  await end(circuit, 'unhealthy')

  const opening = circuit.run(async () => Promise.reject(new Error('unhealthy')), reader)
  await expect(opening).rejects.toMatchObject({
    message: 'refused for 2 s',
    cause: { message: 'unhealthy' },
  })

  clock.pass(2000)
  const trial = circuit.run(async () => Promise.reject(new Error('unhealthy')), reader)
  await expect(trial).rejects.toMatchObject({ message: 'refused for 4 s' })
})

test('work that throws before it has a promise ends the trial like any other', async () => {
  const { circuit, clock } = await open()
  clock.pass(2000)

  const trial = circuit.run(() => {
    throw new Error('unhealthy')
  }, reader)

  await expect(trial).rejects.toThrow('refused for 4 s')
  expect(circuit.state).toBe('open')
})

test('a value can be a failure, and is given back all the same', async () => {
  const { circuit } = start({ lastingMs: 0, failures: 1 })

  const value = await circuit.run(async () => 503, { ...reader, ofValue: () => 'unhealthy' })

  expect(value).toBe(503)
  expect(circuit.state).toBe('open')
})

interface Clock {
  pass: (ms: number) => void
}

/** An error's message says how healthy the peer is. */
const reader: HealthReader<unknown> = { ofError: (error) => (error as Error).message as PeerHealth }

function start(changes: Partial<CircuitBreakerOptions> = {}): {
  circuit: CircuitBreaker
  clock: Clock
  states: CircuitState[]
} {
  let time = 0
  const states: CircuitState[] = []
  const circuit = createCircuitBreaker({
    refuse: (seconds, cause) => new Error(`refused for ${seconds} s`, { cause }),
    onStateChange: (state) => void states.push(state),
    now: () => time,
    ...changes,
  })
  const clock = {
    pass: (ms: number) => {
      time += ms
    },
  }
  return { circuit, clock, states }
}

async function open(): Promise<ReturnType<typeof start>> {
  const started = start()
  for (let failure = 0; failure < 3; failure++) {
    started.clock.pass(1000)
    await end(started.circuit, 'unhealthy')
  }
  expect(started.circuit.state).toBe('open')
  return started
}

/** A call that ends at once. */
async function end(circuit: CircuitBreaker, health: PeerHealth): Promise<void> {
  await circuit.run(async () => Promise.reject(new Error(health)), reader).catch(() => {})
}

/** A call that ends when it is told to. */
function begin(circuit: CircuitBreaker): {
  end: (how: PeerHealth) => void
  done: Promise<unknown>
} {
  let end = (_how: PeerHealth): void => {}
  const work = new Promise<never>((_resolve, reject) => {
    end = (how) => reject(new Error(how))
  })
  const done = circuit.run(() => work, reader)
  done.catch(() => {})
  return { end, done }
}
