import { type AppError, shuttingDown } from '../../errors.ts'

/** What this instance takes on. */
export interface WorkGate {
  /** Throws SHUTTING_DOWN where nothing new begins: an upload, a download. */
  assertNew: () => void
  /** Throws SHUTTING_DOWN where nothing goes on that needs Telegram in the end. */
  assertMore: () => void
  /** Whether requests are answered at all. */
  readonly takesRequests: boolean
  /** Aborts with SHUTTING_DOWN when what goes on ends here unfinished. */
  readonly ending: AbortSignal
  /** From now on: nothing new. */
  startDraining: () => void
  /** From now on: nothing. */
  close: (reason: AppError) => void
  /** From now on: no request. For good. */
  refuseRequests: () => void
  /** From now on: everything again. */
  resume: () => void
}

export function createWorkGate(): WorkGate {
  let takes: 'all' | 'more' | 'nothing' = 'all'
  let takesRequests = true
  let ending = new AbortController()

  return {
    assertNew: () => {
      if (takes !== 'all') throw shuttingDown()
    },
    assertMore: () => {
      if (takes === 'nothing') throw shuttingDown()
    },
    get takesRequests() {
      return takesRequests
    },
    get ending() {
      return ending.signal
    },
    startDraining: () => {
      if (takes === 'all') takes = 'more'
    },
    close: (reason) => {
      takes = 'nothing'
      ending.abort(reason)
    },
    refuseRequests: () => {
      takesRequests = false
    },
    resume: () => {
      takes = 'all'
      if (ending.signal.aborted) ending = new AbortController()
    },
  }
}
