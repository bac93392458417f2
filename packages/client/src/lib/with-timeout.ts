/**
 * Resolves or rejects with `work`, or rejects with an Error of this message after `ms` milliseconds.
 * The signal that `work` gets aborts then, too; `work` may leave it out.
 */
export async function withTimeout<T>(
  work: (timeout: AbortSignal) => Promise<T>,
  { ms, message }: { ms: number; message: string },
): Promise<T> {
  const timeout = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(message)
      reject(error)
      timeout.abort(error)
    }, ms)
  })
  try {
    return await Promise.race([work(timeout.signal), late])
  } finally {
    clearTimeout(timer)
  }
}
