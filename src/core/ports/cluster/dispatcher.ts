import type { AccountName } from './leases.ts'

/**
 * Brings uploads that can go on to the node that is to carry them. A wake-up is a hint: what is to be
 * done say the rows, so one that is lost, late or comes twice changes nothing.
 *
 * A worker that is alone runs its own queue (core/runtime/).
 */
export interface Dispatcher {
  /**
   * Says that an upload can go on: it was sealed, has got chunks to send early, or may be tried again.
   * Never waits for the transfer.
   */
  wake: (upload: DispatchedUpload) => void
  /**
   * Calls `run` for each upload that this node is to carry, as many at once as it takes, and at least
   * every so often for those whose wake-up was lost. `run` resolves when the transfer has ended, or
   * stops; it says by `again` when it wants to be called again.
   */
  start: (run: (uploadId: string, signal: AbortSignal) => Promise<Dispatched>) => void
  /** Takes no more, and resolves when what runs has stopped. */
  stop: () => Promise<void>
}

export interface DispatchedUpload {
  readonly uploadId: string
  readonly account: AccountName
  /** Not before, by the ledger's time; null: now. */
  readonly notBefore: number | null
}

export type Dispatched =
  /** It has ended. */
  | { readonly kind: 'done' }
  /** It waits for longer than a transfer waits by itself. */
  | { readonly kind: 'again'; readonly notBefore: number }
  /** Another node has the account: it is woken there. */
  | { readonly kind: 'elsewhere' }
