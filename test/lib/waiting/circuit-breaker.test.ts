import { expect, onTestFinished, test, vi } from 'vitest'
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  createCircuitBreaker,
  type Judge,
  type Verdict,
} from '../../../src/lib/waiting/circuit-breaker.ts'

test('three failures in a row over a second open it, and calls are refused unasked', async () => {
  const { circuit, clock } = start()

  await fail(circuit)
  clock.pass(600)
  await fail(circuit)
  clock.pass(600)
  expect(circuit.state).toBe('closed')
  await fail(circuit)

  expect(circuit.state).toBe('open')
  const work = vi.fn(async () => 'answer')
  await expect(circuit.run(work, judge)).rejects.toThrow('refused for 2 s')
  expect(work).not.toHaveBeenCalled()
  expect(circuit.retryAfter).toBe(2)
})

test('one cut that meets twenty calls at once leaves it closed', async () => {
  const { circuit, clock } = start()
  const calls = Array.from({ length: 20 }, () => begin(circuit))
  clock.pass(5000)

  for (const call of calls) call.end('sick')
  await Promise.allSettled(calls.map((call) => call.done))

  expect(circuit.state).toBe('closed')
})

test('a peer that was silent through whole calls opens it as soon as they give up', async () => {
  const { circuit, clock } = start()
  const calls = Array.from({ length: 3 }, () => begin(circuit))
  clock.pass(10_000)

  for (const call of calls) call.end('silent')
  await Promise.allSettled(calls.map((call) => call.done))

  expect(circuit.state).toBe('open')
})

test('a machine whose clock is set back by an hour does not wait for that hour', async () => {
  const { circuit, clock } = await open()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
  onTestFinished(() => void vi.useRealTimers())

  clock.pass(2_000)

  await expect(circuit.run(async () => 'answer', judge)).resolves.toBe('answer')
  expect(circuit.state).toBe('closed')
})

test('an answer between failures, a refusal too, begins the count anew', async () => {
  const { circuit, clock } = start()

  for (let round = 0; round < 10; round++) {
    await fail(circuit)
    await fail(circuit)
    clock.pass(2000)
    await fail(circuit, 'well')
  }

  expect(circuit.state).toBe('closed')
})

test('what says nothing neither opens it nor begins the count anew', async () => {
  const { circuit } = start({ lastingMs: 0 })

  for (let round = 0; round < 10; round++) await fail(circuit, 'unknown')
  expect(circuit.state).toBe('closed')
  await fail(circuit)
  await fail(circuit)
  await fail(circuit, 'unknown')
  await fail(circuit)

  expect(circuit.state).toBe('open')
})

test('after the break one call tries the peer while others are refused, and closes it', async () => {
  const { circuit, clock, states } = await open()
  clock.pass(2000)
  expect(circuit.state).toBe('half-open')
  expect(circuit.retryAfter).toBe(0)

  const trial = begin(circuit)
  await expect(begin(circuit).done).rejects.toThrow('refused for 1 s')
  trial.end('well')
  await expect(trial.done).rejects.toThrow('well')

  expect(circuit.state).toBe('closed')
  expect(states).toEqual(['open', 'half-open', 'closed'])
})

test('each failed trial doubles the break, up to a limit, and success forgets that', async () => {
  const { circuit, clock } = await open()

  const breaks: number[] = []
  for (let trial = 0; trial < 6; trial++) {
    breaks.push(circuit.retryAfter)
    clock.pass(circuit.retryAfter * 1000)
    await fail(circuit)
  }
  expect(breaks).toEqual([2, 4, 8, 16, 30, 30])

  clock.pass(30_000)
  await circuit.run(async () => 'answer', judge)
  for (let failure = 0; failure < 3; failure++) {
    clock.pass(1000)
    await fail(circuit)
  }
  expect(circuit.retryAfter).toBe(2)
})

test('a trial whose caller left is followed by another at once', async () => {
  const { circuit, clock } = await open()
  clock.pass(2000)

  await fail(circuit, 'unknown')

  expect(circuit.state).toBe('half-open')
  await circuit.run(async () => 'answer', judge)
  expect(circuit.state).toBe('closed')
})

test('calls from before it opened change nothing when they end later', async () => {
  const { circuit, clock } = start({ lastingMs: 0 })
  const early = Array.from({ length: 4 }, () => begin(circuit))
  for (let failure = 0; failure < 3; failure++) await fail(circuit)
  early[0]?.end('well')
  await expect(early[0]?.done).rejects.toThrow('well')
  expect(circuit.state).toBe('open')
  clock.pass(2000)
  await circuit.run(async () => 'answer', judge)

  for (const call of early.slice(1)) call.end('sick')
  await Promise.allSettled(early.slice(1).map((call) => call.done))

  expect(circuit.state).toBe('closed')
})

test('the failure that opens it, and that of a trial, say when to come again', async () => {
  const { circuit, clock } = start({ lastingMs: 0, failures: 2 })
  await fail(circuit)

  const opening = circuit.run(async () => Promise.reject(new Error('sick')), judge)
  await expect(opening).rejects.toMatchObject({
    message: 'refused for 2 s',
    cause: { message: 'sick' },
  })

  clock.pass(2000)
  const trial = circuit.run(async () => Promise.reject(new Error('sick')), judge)
  await expect(trial).rejects.toMatchObject({ message: 'refused for 4 s' })
})

test('a value can be a failure, and is given back all the same', async () => {
  const { circuit } = start({ lastingMs: 0, failures: 1 })

  const value = await circuit.run(async () => 503, { ...judge, value: () => 'sick' })

  expect(value).toBe(503)
  expect(circuit.state).toBe('open')
})

interface Clock {
  pass: (ms: number) => void
}

/** An error's message is its verdict. */
const judge: Judge<unknown> = { error: (error) => (error as Error).message as Verdict }

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
    await fail(started.circuit)
  }
  expect(started.circuit.state).toBe('open')
  return started
}

async function fail(circuit: CircuitBreaker, verdict: Verdict = 'sick'): Promise<void> {
  await circuit.run(async () => Promise.reject(new Error(verdict)), judge).catch(() => {})
}

/** A call that ends when it is told to. */
function begin(circuit: CircuitBreaker): { end: (how: Verdict) => void; done: Promise<unknown> } {
  let end = (_how: Verdict): void => {}
  const work = new Promise<never>((_resolve, reject) => {
    end = (how) => reject(new Error(how))
  })
  const done = circuit.run(() => work, judge)
  done.catch(() => {})
  return { end, done }
}
