export interface CircuitLimits {
  /** Failures in a row, without one answer between them, from which a circuit may open. */
  failures: number
  /** Milliseconds that the failure streak must have lasted by then. */
  lastingMs: number
  /** Milliseconds until the first trial; doubles with each that fails. */
  firstBreakMs: number
  longestBreakMs: number
}

const DEFAULT_CIRCUIT: CircuitLimits = {
  failures: 3,
  lastingMs: 1_000,
  firstBreakMs: 2_000,
  longestBreakMs: 30_000,
}

export type CircuitState = 'closed' | 'half-open' | 'open'

/**
 * What an outcome says about the peer: it answered (a refusal is an answer); it is unhealthy; it
 * was silent for as long as the call waited; or nothing at all, such as when the caller left.
 */
export type PeerHealth = 'healthy' | 'unhealthy' | 'silent' | 'unknown'

/** Reads the peer's health from the outcome of a call. */
export interface HealthReader<T> {
  ofError: (error: unknown) => PeerHealth
  /** 'healthy' unless this says otherwise. */
  ofValue?: (value: T) => PeerHealth
}

export interface CircuitBreakerOptions extends Partial<CircuitLimits> {
  /** What a call gets while the circuit is open; `retryAfter` in seconds. */
  refuse: (retryAfter: number, cause?: unknown) => Error
  onStateChange?: ((state: CircuitState) => void) | undefined
  /** Milliseconds that only ever go forward. */
  now?: () => number
}

/** Stands before one peer and keeps calls from it while it is down. */
export interface CircuitBreaker {
  /**
   * Runs the work, or rejects at once with `refuse` while the circuit is open. A failure that
   * leaves the circuit open rejects with `refuse` as well, its cause the failure itself.
   */
  run: <T>(work: () => Promise<T>, health: HealthReader<T>) => Promise<T>
  /** What `run` would reject with now, or null when it would let the work through. */
  refusal: (cause?: unknown) => Error | null
  /** 'half-open' from the end of the break: the next call is the trial, until it has ended. */
  readonly state: CircuitState
  /** Seconds until a call may be let through; 0 while the circuit is closed. */
  readonly retryAfter: number
}

/** Each change of state makes a new object, by which a call knows the state it began in. */
type Circuit =
  | { kind: 'closed'; streak: FailureStreak | null; answeredAt: number }
  | { kind: 'open'; until: number; failedTrials: number }
  | { kind: 'half-open'; failedTrials: number }

interface FailureStreak {
  failures: number
  /** Since when the peer has been unhealthy. */
  since: number
}

/** Seconds after which to ask again while one call tries the peer. */
const TRIAL_RETRY_AFTER = 1

/**
 * A circuit breaker that opens after some failures in a row, over some time. Counting alone would
 * open it when one cut meets twenty calls at once; a share of failures would never open it for a
 * peer that is seldom called, and would shut out the half that works of one that fails now and then.
 *
 * Calls that began before the last change of state say nothing about the peer as it is now.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { refuse, onStateChange, now = () => performance.now(), ...changes } = options
  const { failures, lastingMs, firstBreakMs, longestBreakMs } = { ...DEFAULT_CIRCUIT, ...changes }
  let circuit: Circuit = { kind: 'closed', streak: null, answeredAt: now() }

  function become(next: Circuit): void {
    circuit = next
    onStateChange?.(next.kind)
  }

  function open(failedTrials: number): void {
    const breakMs = Math.min(longestBreakMs, firstBreakMs * 2 ** failedTrials)
    become({ kind: 'open', until: now() + breakMs, failedTrials })
  }

  /** An outcome in the closed circuit; `since` is when the peer began to be so. */
  function count(closed: Circuit & { kind: 'closed' }, health: PeerHealth, since: number): void {
    if (health === 'unknown') return
    if (health === 'healthy') {
      closed.streak = null
      closed.answeredAt = now()
      return
    }
    const from = Math.max(since, closed.answeredAt)
    const { streak } = closed
    closed.streak = streak
      ? { failures: streak.failures + 1, since: Math.min(streak.since, from) }
      : { failures: 1, since: from }
    const lasted = now() - closed.streak.since
    if (closed.streak.failures >= failures && lasted >= lastingMs) open(0)
  }

  function endTrial({ failedTrials }: Circuit & { kind: 'half-open' }, health: PeerHealth): void {
    if (health === 'healthy') become({ kind: 'closed', streak: null, answeredAt: now() })
    // A trial whose caller left is no failure: the next call tries again at once.
    else if (health === 'unknown') become({ kind: 'open', until: now(), failedTrials })
    else open(failedTrials + 1)
  }

  const leftMs = (): number => (circuit.kind === 'open' ? Math.max(0, circuit.until - now()) : 0)

  function refusal(cause?: unknown): Error | null {
    if (circuit.kind === 'half-open') return refuse(TRIAL_RETRY_AFTER, cause)
    return leftMs() === 0 ? null : refuse(Math.ceil(leftMs() / 1000), cause)
  }

  return {
    run: async (work, reader) => {
      const refused = refusal()
      if (refused) throw refused
      if (circuit.kind === 'open') {
        become({ kind: 'half-open', failedTrials: circuit.failedTrials })
      }
      const begunIn = circuit
      const begunAt = now()
      const outcome = await settle(work)
      const health =
        'error' in outcome
          ? reader.ofError(outcome.error)
          : (reader.ofValue?.(outcome.value) ?? 'healthy')
      if (circuit === begunIn) {
        const since = health === 'silent' ? begunAt : now()
        if (circuit.kind === 'half-open') endTrial(circuit, health)
        else if (circuit.kind === 'closed') count(circuit, health, since)
      }
      if (!('error' in outcome)) return outcome.value
      const failed = health === 'unhealthy' || health === 'silent'
      throw (failed && refusal(outcome.error)) || outcome.error
    },
    refusal,
    get state() {
      return circuit.kind === 'open' && leftMs() === 0 ? 'half-open' : circuit.kind
    },
    get retryAfter() {
      return Math.ceil(leftMs() / 1000)
    },
  }
}

async function settle<T>(work: () => Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error }
  }
}
