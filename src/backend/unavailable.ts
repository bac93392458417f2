import { AppError } from '../errors.ts'
import type { PeerHealth } from '../lib/waiting/circuit-breaker.ts'

/** Seconds after which asking a silent backend again makes sense. */
const DEFAULT_RETRY_AFTER = 5

export interface UnavailableOptions {
  cause?: unknown
  /** Seconds. */
  retryAfter?: number | null
  peerDown?: boolean
  /** What the failure says about the backend as a whole; 'unhealthy' by default. */
  health?: PeerHealth
}

/** BACKEND_UNAVAILABLE: the backend gives no usable answer. */
export class BackendUnavailable extends AppError {
  readonly health: PeerHealth

  /** `what` completes 'The TeleStore backend …'. */
  constructor(what: string, options: UnavailableOptions = {}) {
    const { cause, retryAfter, peerDown = false, health = 'unhealthy' } = options
    super('BACKEND_UNAVAILABLE', `The TeleStore backend ${what}`, {
      retryAfter: retryAfter ?? DEFAULT_RETRY_AFTER,
      cause,
      peerDown,
    })
    this.health = health
  }
}
