/** What a node has to do by now. */
export interface NodeLoad {
  /** Files, or volumes, that it sends to Telegram at one time. */
  concurrency: number
  /** Accounts whose uploads are sent here now, or wait for a slot. */
  busyAccounts: number
}

/** How long an account that no node has is left to the others, for each account that would have to wait here. */
const STEP_MS = 500
/** No longer than this: the others may be just as busy. */
const MOST_MS = 3_000

/**
 * Milliseconds for which a node leaves an upload to the others whose account no node has. All uploads of
 * an account go where its first one goes, so a node with free slots takes it at once, and the busiest one
 * last.
 */
export function patienceMs({ concurrency, busyAccounts }: NodeLoad): number {
  return Math.min(MOST_MS, Math.max(0, busyAccounts - concurrency + 1) * STEP_MS)
}
