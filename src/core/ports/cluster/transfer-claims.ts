import type { LeaseName, NodeAddress } from './leases.ts'

/**
 * Which node carries which upload, written on the upload's own row. Each claim gives it a higher `run`,
 * which no other upload has. Every later write of that transfer (its journal, its volumes, its end) that
 * comes from a node with an older run writes nothing and rejects with LEASE_LOST: a node that stood still
 * and did not notice harms nothing. The ledger itself remembers which run is this node's.
 *
 * An upload that has ended otherwise meanwhile: its end, and what says that it has ended, are told as
 * ever; its journal is not written, which rejects with LEASE_LOST as well, so that nothing is posted.
 */
export interface TransferClaims {
  /**
   * Stamps an unfinished upload as carried by this node from now on, whoever had it before; call it with
   * the account's lease held. Null: the upload has ended or is gone. Rejects with LEASE_LOST where another
   * node has the lease by now.
   */
  claimTransfer: (claim: {
    uploadId: string
    /** The lease under which it is carried. */
    account: LeaseName
    node: NodeAddress
  }) => Promise<number | null>
  /** The transfer does not run here any more; `notBefore` (ledger's time): it is not to be tried before. */
  leaveTransfer: (uploadId: string, notBefore: number | null) => Promise<void>
  /**
   * Unfinished uploads that this node may claim: that no living node carries, or whose account's lease
   * is this node's or free. The sealed and oldest first.
   */
  claimableTransfers: (node: NodeAddress, limit: number) => Promise<ClaimableTransfer[]>
  /** The node that carries the upload; null: none does, or it has ended. */
  carrierOf: (uploadId: string) => Promise<NodeAddress | null>
  /** How uploads stand that this node carries, in one statement; those that are gone are left out. */
  carriedUploads: (uploadIds: readonly string[]) => Promise<CarriedUpload[]>
}

export interface ClaimableTransfer {
  readonly uploadId: string
  /** Under which lease it was carried last; null: never. */
  readonly account: LeaseName | null
}

export interface CarriedUpload {
  readonly uploadId: string
  readonly state: 'receiving' | 'sealed' | 'completed' | 'failed' | 'cancelled'
  /** False once another node has claimed it. */
  readonly isMine: boolean
  /** It has this many chunks: with more than before, there are new ones to read. */
  readonly chunkCount: number
}
