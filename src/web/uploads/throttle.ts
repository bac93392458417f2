/** Work that many changes request, and that is done once for several of them. */
export interface Throttle {
  /** Does the work at once if it was not done lately, else a little later. */
  request: () => void
  /** Does requested work now. */
  flush: () => void
}

/** Calls `work` at most once in `intervalMs`. */
export function createThrottle(work: () => void, intervalMs: number): Throttle {
  let timer: ReturnType<typeof setTimeout> | null = null
  let isRequested = false

  function flush(): void {
    if (!isRequested) return
    isRequested = false
    work()
  }

  function request(): void {
    isRequested = true
    if (timer !== null) return
    flush()
    timer = setTimeout(() => {
      timer = null
      if (isRequested) request()
    }, intervalMs)
  }

  return { request, flush }
}
