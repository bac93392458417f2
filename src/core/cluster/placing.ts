/** What a node has to do by now. */
export interface NodeLoad {
  /** Files, or volumes, that it sends to Telegram at one time. */
  concurrency: number
  /** Accounts whose uploads are sent here now, or wait for a slot. */
  busyAccounts: number
}

/**
 * Whether a node takes an account that no node has. All uploads of an account go where its first one goes,
 * so what would wait for a slot here is left in the rows for whichever node has one first.
 */
export function hasRoom({ concurrency, busyAccounts }: NodeLoad): boolean {
  return busyAccounts < concurrency
}
