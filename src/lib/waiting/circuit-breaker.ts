import {
  BrokenCircuitError,
  circuitBreaker,
  handleWhenResult,
  type IBackoff,
  type IHalfOpenAfterBackoffContext,
  CircuitState as State,
} from 'cockatiel'
import { type CircuitLimits, createTrouble, DEFAULT_CIRCUIT } from './circuit-trouble.ts'

export type { CircuitLimits }
export type CircuitState = 'closed' | 'half-open' | 'open'

/**
 * What an outcome says about the peer: it answered (a refusal is an answer); it is sick; it said
 * nothing for as long as the call waited; or nothing at all, such as when the caller left.
 */
export type Verdict = 'well' | 'sick' | 'silent' | 'unknown'

export interface Judge<T> {
  error: (error: unknown) => Verdict
  /** 'well' unless this says otherwise. */
  value?: (value: T) => Verdict
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
  run: <T>(work: () => Promise<T>, judge: Judge<T>) => Promise<T>
  /** What `run` would reject with now, or null when it would let the work through. */
  refusal: (cause?: unknown) => Error | null
  /** 'half-open' from the end of the break: the next call is the trial, until it has ended. */
  readonly state: CircuitState
  /** Seconds until a call may be let through; 0 while the circuit is closed. */
  readonly retryAfter: number
}

type Outcome<T> = { value: T } | { error: unknown }
interface Judged {
  outcome: Outcome<unknown>
  verdict: Verdict
}

/** Milliseconds that cockatiel finds over at any time of the machine's clock. */
const NO_BREAK = Number.NEGATIVE_INFINITY
/** Seconds after which to ask again while one call tries the peer. */
const TRIAL_RETRY_AFTER = 1

/**
 * A circuit breaker of cockatiel's, with a rule of its own for when to open: some failures in a
 * row, over some time. Counting alone would open it when one cut meets twenty calls at once; a
 * share of failures would never open it for a peer that is seldom called, and would shut out the
 * half that works of one that fails now and then.
 *
 * Calls that began before the last change of state say nothing about the peer as it is now. How long
 * a break lasts is measured here: cockatiel goes by the machine's clock, which somebody may set.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { refuse, onStateChange, now = () => performance.now(), ...changes } = options
  const limits = { ...DEFAULT_CIRCUIT, ...changes }
  const trouble = createTrouble(limits, now)
  let era = 0
  let openUntil = 0
  let breaks = 0

  function nextBreak({
    result,
  }: IHalfOpenAfterBackoffContext): IBackoff<IHalfOpenAfterBackoffContext> {
    // A trial whose caller left is no failure: the next call tries again at once.
    const wasted = 'value' in result && (result.value as Judged).verdict === 'unknown'
    const duration = wasted
      ? 0
      : Math.min(limits.longestBreakMs, limits.firstBreakMs * 2 ** breaks++)
    openUntil = now() + duration
    return { duration: NO_BREAK, next: nextBreak }
  }

  const policy = circuitBreaker(
    handleWhenResult((result) => (result as Judged).verdict !== 'well'),
    { breaker: trouble, halfOpenAfter: { next: nextBreak } },
  )
  policy.onStateChange((state) => {
    era++
    if (state === State.Closed) breaks = 0
    onStateChange?.(nameOf(state))
  })

  async function attempt<T>(work: () => Promise<T>, judge: Judge<T>): Promise<Judged> {
    const begun = { era, at: now(), trial: policy.state === State.HalfOpen }
    const outcome: Outcome<T> = await work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    const verdict =
      'error' in outcome ? judge.error(outcome.error) : (judge.value?.(outcome.value) ?? 'well')
    const judged = { outcome, verdict }
    // Thrown past the breaker, which counts results only.
    if (begun.era !== era || (verdict === 'unknown' && !begun.trial)) throw new Uncounted(judged)
    if (verdict === 'sick') trouble.note(now())
    if (verdict === 'silent') trouble.note(begun.at)
    return judged
  }

  const leftMs = (): number => Math.max(0, openUntil - now())

  function refusal(cause?: unknown): Error | null {
    if (policy.state === State.HalfOpen) return refuse(TRIAL_RETRY_AFTER, cause)
    if (policy.state === State.Closed || leftMs() === 0) return null
    return refuse(Math.ceil(leftMs() / 1000), cause)
  }

  return {
    run: async (work, judge) => {
      const refused = refusal()
      if (refused) throw refused
      const { outcome, verdict } = await policy
        .execute(() => attempt(work, judge))
        .catch((error: unknown) => {
          if (error instanceof Uncounted) return error.judged
          throw error instanceof BrokenCircuitError ? refuse(TRIAL_RETRY_AFTER, error) : error
        })
      if (!('error' in outcome)) return outcome.value as Awaited<ReturnType<typeof work>>
      const peerIsSick = verdict === 'sick' || verdict === 'silent'
      throw (peerIsSick && refusal(outcome.error)) || outcome.error
    },
    refusal,
    get state() {
      const state = nameOf(policy.state)
      return state === 'open' && leftMs() === 0 ? 'half-open' : state
    },
    get retryAfter() {
      return policy.state === State.Open ? Math.ceil(leftMs() / 1000) : 0
    },
  }
}

function nameOf(state: State): CircuitState {
  if (state === State.Closed) return 'closed'
  return state === State.HalfOpen ? 'half-open' : 'open'
}

/** Carries an outcome that says nothing about the peer. */
class Uncounted extends Error {
  readonly judged: Judged

  constructor(judged: Judged) {
    super('an outcome that does not count')
    this.judged = judged
  }
}
