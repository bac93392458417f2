import { createSemaphore } from '../../lib/concurrency/semaphore.ts'

/**
 * Node does the disk's calls, name look-ups among them, on four threads. A disk that hangs must
 * not get the last one: connections to Telegram would hang with it.
 */
const CALLS_AT_ONCE = 3
/** A call that takes longer than this many milliseconds means that the disk hangs. */
const STALLED_MS = 3_000
/**
 * That time is counted by looks at the call, one in each of so many parts of it. A process without
 * a processor for seconds finds them gone by, and the answer of a good disk not yet read: however
 * late it was, that is one look.
 */
const LOOKS = 10

/** The one way to the spool's disk: a few calls at a time, and a watch over how long they take. */
export interface DiskGate {
  /** Runs `call` when it is its turn; rejects with its error, or the signal's reason before that. */
  run: <T>(call: () => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** Whether a call has been waiting for the disk for so long that it should be left alone. */
  stalled: () => boolean
}

export function createDiskGate(stalledMs = STALLED_MS): DiskGate {
  const places = createSemaphore(CALLS_AT_ONCE)
  /** Looks there had been when each running call began; the first is the oldest. */
  const running = new Map<symbol, number>()
  let looks = 0
  let timer: NodeJS.Timeout | null = null

  function begin(): symbol {
    const key = Symbol('call')
    running.set(key, looks)
    timer ??= setInterval(() => looks++, stalledMs / LOOKS).unref()
    return key
  }

  function end(key: symbol): void {
    running.delete(key)
    if (running.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  return {
    run: async (call, signal) => {
      const leave = await places.acquire(1, signal)
      const key = begin()
      try {
        return await call()
      } finally {
        end(key)
        leave()
      }
    },
    stalled: () => {
      const [oldest] = running.values()
      return oldest !== undefined && looks - oldest > LOOKS
    },
  }
}
