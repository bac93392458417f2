/** How one thing that the worker needs is doing. Holds no secret and no path. */
export interface DependencyStatus {
  ready: boolean
  /** A sentence for an operator, when it is not ready. */
  reason?: string
  /** Seconds after which it may be ready again. */
  retryAfter?: number
  /** Circuit breakers before it, by the name of the peer. */
  circuits?: Record<string, CircuitState>
}

export type CircuitState = 'closed' | 'half-open' | 'open'

/** Must not reject; a dependency that cannot be asked is not ready. */
export type Probe = () => DependencyStatus | Promise<DependencyStatus>

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

async function answerOf(probe: Probe, timeoutMs: number): Promise<DependencyStatus> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<DependencyStatus>((resolve) => {
    timer = setTimeout(() => resolve({ ready: false, reason: 'does not answer' }), timeoutMs)
  })
  try {
    return await Promise.race([probe(), late])
  } catch {
    return { ready: false, reason: 'cannot be asked' }
  } finally {
    clearTimeout(timer)
  }
}
