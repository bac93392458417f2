/** How a circuit breaker stands (Nygard, "Release It!"): calls pass, are refused, or one is tried. */
export type CircuitState = 'closed' | 'open' | 'half-open'

/** How one thing that the worker needs is doing. Holds no secret and no path. */
export interface DependencyStatus {
  ready: boolean
  /** A sentence for an operator, when it is not ready, or only in part. */
  reason?: string
  /** Seconds after which it may be ready again. */
  retryAfter?: number
  /** What unfinished uploads were promised, in bytes. */
  reservedBytes?: number
  /** What may be promised in all. */
  limitBytes?: number
  /** Circuit breakers before it, by the name of the peer. */
  circuits?: Record<string, CircuitState>
}

/** How the circuit before one peer is. */
export interface CircuitStatus {
  state: CircuitState
  /** Seconds until a call may be let through. */
  retryAfter: number
}

/** Must not reject; a dependency that cannot be asked is not ready. */
export type Probe = () => DependencyStatus | Promise<DependencyStatus>
