/**
 * Which node of a cluster has what: above all, which one has which account of Telegram. A session that
 * two processes use at once dies (`AUTH_KEY_DUPLICATED`), and parts belong to the key that has sent
 * them: so one node at a time has an account's main connection, runs its transfers and posts for it.
 * What another node wants of that account it asks the holder for (`Peers`).
 *
 * A lease ends when its holder gives it up, or has not renewed it for long enough by the database's
 * clock. Its holder notices earlier, by its own clocks: `assertHeld`. What is written down is kept from
 * a holder that stood still by `TransferClaims`.
 *
 * A worker that is alone has no leases: it has every account for as long as it has Telegram
 * (core/handover/).
 */
export interface Leases {
  /** This node's own address. */
  readonly self: NodeAddress
  /**
   * Takes the name if it is free, or was left for long enough, and says who has it otherwise: that may be
   * this node's own address, where a process was killed. What this node has already it gets again, without
   * a statement. Rejects with SPOOL_FAILED while the database
   * does not answer, and with SHUTTING_DOWN once `close` was called.
   */
  acquire: (name: LeaseName) => Promise<AcquiredLease>
  /** The node that has the name, or null where none has it. */
  holderOf: (name: LeaseName) => Promise<NodeAddress | null>
  /**
   * Gives a name up, after what it protects has ended here: another node may have it at once. Harmless
   * where this node does not hold it.
   */
  release: (name: LeaseName) => Promise<void>
  /** The nodes that have been heard of within the last seconds, this one included. */
  nodes: () => Promise<NodeAddress[]>
  /**
   * Gives up all of them, and takes none any more. What still runs under one is cut off, with
   * SHUTTING_DOWN.
   */
  close: () => Promise<void>
}

/** `account:<hash>`, `stream:<upload>`, `job:<id>`, `sweep`: it names things in rows and logs, and opens nothing. */
export type LeaseName = string

export type AcquiredLease =
  | {
      readonly kind: 'held'
      readonly lease: Lease
      /** Another node had it, and has neither renewed it nor given it up. */
      readonly isTakenOver?: boolean
    }
  | { readonly kind: 'elsewhere'; readonly holder: NodeAddress }

export interface Lease {
  readonly name: LeaseName
  /** Counts up with each new holder of the name. */
  readonly epoch: number
  /**
   * Aborts with LEASE_LOST when the lease could not be renewed in time, or another node has a higher
   * epoch. What it protects is cut off at once, without a word to anybody.
   */
  readonly lost: AbortSignal
  /**
   * Throws LEASE_LOST once the lease may have passed to another node, by the machine's clock or by the
   * one that only goes forward, whichever has moved further since the last renewal was asked for. Called
   * before each write to an account's main connection.
   */
  assertHeld: () => void
}

/** Where a node answers other nodes, such as `http://10.0.0.7:8080`: `CLUSTER_NODE_URL`. */
export type NodeAddress = string
