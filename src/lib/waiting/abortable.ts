/**
 * A promise that `start` settles, or that rejects with the signal's reason. What `start` returns
 * undoes its preparations: it is called once, when the promise is settled either way. After an
 * abort `start` is not called at all.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    let settled = false
    let undo: (() => void) | null = null
    const end = (settle: () => void): void => {
      if (settled) return
      settled = true
      signal?.removeEventListener('abort', onAbort)
      settle()
      undo?.()
    }
    const onAbort = (): void => end(() => reject(signal?.reason))
    undo = start(
      (value) => end(() => resolve(value)),
      (reason) => end(() => reject(reason)),
    )
    // Listened to last: most of what is waited for is there at once.
    if (settled) undo()
    else if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * The outcome of the promise, or the signal's reason if that comes first. What the promise stands
 * for goes on, for other callers that wait for it; its failure after the abort is not reported.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  promise.catch(() => {})
  return abortable(signal, (resolve, reject) => {
    promise.then(resolve, reject)
    return () => {}
  })
}

/** Calls `listener` when the signal aborts, at once if it has; the returned function takes it off. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return () => {}
  }
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}
