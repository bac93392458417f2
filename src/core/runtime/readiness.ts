import { withTimeout } from '../../lib/waiting/with-timeout.ts'
import type { CircuitStatus, DependencyStatus, Probe } from '../ports/health.ts'

export interface Readiness {
  ready: boolean
  dependencies: Record<string, DependencyStatus>
}

/** Asks all probes at once; a probe that takes longer than `timeoutMs` counts as not ready. */
export async function checkReadiness(
  probes: Readonly<Record<string, Probe>>,
  timeoutMs = 5_000,
): Promise<Readiness> {
  const asked = Object.entries(probes).map(
    async ([name, probe]) => [name, await answerOf(probe, timeoutMs)] as const,
  )
  const dependencies = Object.fromEntries(await Promise.all(asked))
  return { ready: Object.values(dependencies).every((each) => each.ready), dependencies }
}

/**
 * The status of what is reached through circuits. It is ready while any of the `vital` ones (all,
 * by default) lets calls through: an instance that can still do half its work is of more use in
 * service than out of it. A half-open circuit counts as ready: without traffic no call would try the
 * peer.
 */
export function statusOfCircuits(
  circuits: Readonly<Record<string, CircuitStatus>>,
  vital: readonly string[] = Object.keys(circuits),
): DependencyStatus {
  const states = Object.fromEntries(
    Object.entries(circuits).map(([name, { state }]) => [name, state]),
  )
  const deciding = vital.flatMap((name) => circuits[name] ?? [])
  const ready = deciding.length === 0 || deciding.some(({ state }) => state !== 'open')
  if (ready) return { ready, circuits: states }
  const retryAfter = Math.min(...deciding.map((circuit) => circuit.retryAfter))
  return { ready, reason: 'does not answer', retryAfter, circuits: states }
}

/**
 * The status of the accounts that post, by the seconds that each has to wait. One that waits for
 * longer than `longestMs` is no use until then; while any other can post, the instance is ready.
 */
export function statusOfAccounts(waits: readonly number[], longestMs: number): DependencyStatus {
  const waiting = waits.filter((seconds) => seconds * 1000 > longestMs)
  if (waiting.length === 0) return { ready: true }
  return {
    ready: waiting.length < waits.length,
    reason: `Telegram asks ${waiting.length} of ${waits.length} accounts to wait`,
    retryAfter: Math.min(...waiting),
  }
}

async function answerOf(probe: Probe, timeoutMs: number): Promise<DependencyStatus> {
  const asked = (async () => probe())().catch(
    (): DependencyStatus => ({ ready: false, reason: 'cannot be asked' }),
  )
  const onTimeout = (): DependencyStatus => ({ ready: false, reason: 'does not answer' })
  return withTimeout(asked, { ms: timeoutMs, onTimeout })
}
