import type { BackendClient } from './backend/backend-client.ts'
import type { CircuitStatus, Probe } from './core/ports/health.ts'
import type { TelegramGateway } from './core/ports/telegram.ts'
import { statusOfAccounts, statusOfCircuits } from './core/runtime/readiness.ts'
import type { CircuitLimits } from './lib/waiting/circuit-breaker.ts'
import type { RetryPolicy } from './telegram/mtproto/connection/request-channel.ts'

/** How long peers are waited for, and when circuits open; what is not given is as in production. */
export interface PeerLimits {
  circuit?: Partial<CircuitLimits>
  /** Milliseconds for one exchange with the backend. */
  backendTimeoutMs?: number
  /** Milliseconds to connect to a data centre, and again for its first answer. */
  openMs?: number
  /** How long requests to Telegram are repeated. */
  retryPolicy?: Partial<RetryPolicy>
}

export interface Peers {
  /** Null where there is no backend. */
  backend: Pick<BackendClient, 'circuits'> | null
  telegram: Pick<TelegramGateway, 'circuits' | 'waits'>
  /** Milliseconds: an account that has to wait for longer begins no upload. */
  maxWaitMs: number
}

/** What `/readyz` asks about the systems that the worker depends on. */
export function createPeerProbes({ backend, telegram, maxWaitMs }: Peers): Record<string, Probe> {
  const telegramProbe: Probe = () => {
    const { all, vital } = telegram.circuits()
    return statusOfCircuits(all, vital)
  }
  const accounts: Probe = () => statusOfAccounts(telegram.waits(), maxWaitMs)
  if (backend === null) return { telegram: telegramProbe, accounts }
  // Webhooks wait in the outbox for as long as need be: users do not notice.
  return {
    backend: () => statusOfCircuits(backend.circuits(), ['backend']),
    telegram: telegramProbe,
    accounts,
  }
}

/** What `/readyz` asks about what many nodes share: by their circuits, without a question of its own. */
export function createClusterProbes(
  circuits: () => { database: CircuitStatus; bucket: CircuitStatus },
): Record<string, Probe> {
  return {
    database: () => statusOfCircuits({ database: circuits().database }),
    bucket: () => statusOfCircuits({ bucket: circuits().bucket }),
  }
}

/** All circuits, by name. */
export function circuitsOf({
  backend,
  telegram,
}: Omit<Peers, 'maxWaitMs'>): Record<string, CircuitStatus> {
  return { ...backend?.circuits(), ...telegram.circuits().all }
}
