/** Work that many small changes ask for, done once for all of them. */
export interface Pace {
  /** Soon: at once when nothing was done of late. */
  ask: () => void
  /** Now, if it was asked for. */
  flush: () => void
}

/** Keeps `work` at least `apartMs` apart. */
export function createPace(work: () => void, apartMs: number): Pace {
  let timer: ReturnType<typeof setTimeout> | null = null
  let isAsked = false

  function flush(): void {
    if (!isAsked) return
    isAsked = false
    work()
  }

  function ask(): void {
    isAsked = true
    if (timer !== null) return
    flush()
    timer = setTimeout(() => {
      timer = null
      if (isAsked) ask()
    }, apartMs)
  }

  return { ask, flush }
}
