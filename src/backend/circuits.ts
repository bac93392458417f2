import type { CircuitStatus } from '../core/ports/health.ts'
import type { Log } from '../core/ports/log.ts'
import { AppError } from '../errors.ts'
import {
  type CircuitBreaker,
  type CircuitLimits,
  createCircuitBreaker,
  type HealthReader,
} from '../lib/waiting/circuit-breaker.ts'
import { BackendUnavailable } from './unavailable.ts'

/**
 * Two circuits to one backend. Webhooks have one of their own, so that users can still sign in while
 * the webhook endpoint fails.
 */
export interface BackendCircuits {
  /** For what tokens grant. */
  readonly backend: CircuitBreaker
  readonly webhooks: CircuitBreaker
  status: () => Record<'backend' | 'webhooks', CircuitStatus>
}

export function createBackendCircuits(
  log: Log,
  limits: Partial<CircuitLimits> = {},
): BackendCircuits {
  const open = (circuit: string): CircuitBreaker =>
    createCircuitBreaker({
      ...limits,
      refuse: (retryAfter, cause) =>
        new BackendUnavailable('cannot be reached', { retryAfter, cause, peerDown: true }),
      onStateChange: (state) => log.warn({ circuit, state }, 'a circuit has changed'),
    })
  const backend = open('backend')
  const webhooks = open('webhooks')
  const statusOf = ({ state, retryAfter }: CircuitBreaker): CircuitStatus => ({ state, retryAfter })
  return {
    backend,
    webhooks,
    status: () => ({ backend: statusOf(backend), webhooks: statusOf(webhooks) }),
  }
}

/** A refusal is an answer like any other; only what kept an answer from coming counts. */
export const backendHealth: HealthReader<unknown> = {
  ofError: (error) => {
    if (error instanceof BackendUnavailable) return error.health
    return error instanceof AppError ? 'healthy' : 'unknown'
  },
}
