const TIMEOUT_MS = 30_000

/** A request to a deployment's own public address; any answer will do. Rejects when there is none. */
export function createWakeCall(publicUrl: string): (signal: AbortSignal) => Promise<void> {
  const address = `${publicUrl}/healthz`
  return async (signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
    const answer = await fetch(address, { redirect: 'manual', signal: limit })
    await answer.body?.cancel()
  }
}
