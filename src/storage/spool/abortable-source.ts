import { onAbort } from '../../lib/waiting/abortable.ts'

/**
 * Passes on what the source gives; throws the signal's reason as soon as it aborts, even while the
 * source is silent. The source's `return` is called but not awaited: behind a read that never ends
 * it would never end either.
 */
export async function* abortableSource<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]()
  let fail: (reason: unknown) => void = () => {}
  const ignoreAbort = onAbort(signal, () => fail(signal.reason))
  try {
    for (;;) {
      signal.throwIfAborted()
      // One promise per read: racing against one long-lived promise would keep every loser alive.
      const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
        fail = reject
        iterator.next().then(resolve, reject)
      })
      if (step.done) return
      yield step.value
    }
  } finally {
    ignoreAbort()
    iterator.return?.().catch(() => {})
  }
}
