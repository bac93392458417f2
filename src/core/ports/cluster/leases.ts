/**
 * Which node of a cluster has which account of Telegram. A session that two processes use at once dies
 * (`AUTH_KEY_DUPLICATED`), and parts belong to the key that has sent them: so one node at a time has an
 * account's main connection, runs its transfers and posts for it.
 *
 * A lease has an epoch, which counts up with each new holder. Every write to the row of a transfer says
 * the epoch of its writer; where the row has a higher one, nothing is written, and the writer stops. So
 * a node that stood still and did not notice harms nothing that is written down. What it would send to
 * Telegram is kept from it by its own clocks: `assertHeld`.
 *
 * A worker that is alone holds every account, with epoch 1, for as long as it has Telegram
 * (core/handover/).
 */
export interface Leases {
  /**
   * Takes the account if it is free, or has been left for long enough, and says who has it otherwise.
   * What this node has already it gets again.
   */
  acquire: (account: AccountName) => Promise<AcquiredLease>
  /** The node that has the account, or null where none has it. */
  holderOf: (account: AccountName) => Promise<NodeAddress | null>
  /**
   * Gives an account up, after its connections are closed: another node may have it at once. Harmless
   * where this node does not hold it.
   */
  release: (account: AccountName) => Promise<void>
  /** Gives up all of them, one by one, and takes none any more. */
  close: () => Promise<void>
}

/** A hash of the account's key: it names the account in rows and logs, and opens nothing. */
export type AccountName = string

export type AcquiredLease =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'elsewhere'; readonly holder: NodeAddress }

export interface Lease {
  readonly account: AccountName
  readonly epoch: number
  /**
   * Aborts when the lease is lost: it could not be renewed in time, another node has a higher epoch, or
   * another node wants it and this one has none of its work. Its connections to Telegram are destroyed,
   * not closed, and its transfers stop without a word.
   */
  readonly lost: AbortSignal
  /**
   * Throws LEASE_LOST once the lease may have passed to another node, by the machine's clock or by the
   * one that only goes forward, whichever has moved further since the last renewal was asked for. Called
   * before each write to the account's main connection.
   */
  assertHeld: () => void
}

/** Where a node answers other nodes: `CLUSTER_NODE_URL`. */
export type NodeAddress = string
