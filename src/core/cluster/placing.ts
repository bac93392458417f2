/** What a node has to do by now. */
export interface NodeLoad {
  /** Files, or volumes, that it sends to Telegram at one time. */
  concurrency: number
  /** Accounts whose uploads are sent here now, or wait for a slot. */
  busyAccounts: number
}

/** How long an account that no node has is left to nodes with a free slot. */
const PATIENCE_MS = 500

/**
 * Milliseconds for which a node leaves an upload to the others whose account no node has: all uploads of
 * an account go where its first one goes. A node with free slots takes it at once. One account may wait
 * for the next slot; beyond that, uploads wait for whichever node has a slot first.
 */
export function patienceMs({ concurrency, busyAccounts }: NodeLoad): number {
  if (busyAccounts < concurrency) return 0
  return busyAccounts === concurrency ? PATIENCE_MS : Number.POSITIVE_INFINITY
}
