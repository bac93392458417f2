/** Of each scope that is open, outer ones first, how to end it. */
const openScopes: (() => Promise<void>)[] = []

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    for (const end of openScopes.toReversed()) await end()
    process.exit(1)
  })
}

/** What one part of the bench has been given: how often to measure, and who ends what it starts. */
export interface Scope {
  rounds: number
  /** Peers that could not be had, and why. They are named in the result. */
  readonly missing: Map<string, string>
  /** Runs when the part has ended, last first. */
  onEnd: (stop: () => unknown) => void
}

/**
 * Runs `work` with a scope of its own; what it has started ends with it, also when it fails or when
 * the process is told to end.
 */
export async function withScope<T>(
  rounds: number,
  work: (scope: Scope) => Promise<T>,
): Promise<{ value: T; missing: Map<string, string> }> {
  const stops: (() => unknown)[] = []
  const missing = new Map<string, string>()
  const end = async (): Promise<void> => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop()
  }
  openScopes.push(end)
  try {
    return { value: await work({ rounds, missing, onEnd: (stop) => stops.push(stop) }), missing }
  } finally {
    await end()
    openScopes.splice(openScopes.indexOf(end), 1)
  }
}
