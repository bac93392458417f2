import type { AccountName, NodeAddress } from './leases.ts'

/**
 * What a node asks the others, by requests that are signed with a key made of LEDGER_KEY. Calls reject
 * with PEER_UNAVAILABLE where a node does not answer in time; a caller then goes by the rows, or says
 * 503.
 *
 * A worker that is alone has no peers, and asks none.
 */
export interface Peers {
  /**
   * Fills `target` with bytes of a document from the holder of its account, where `CLUSTER_READS` has
   * them read there.
   */
  readBlock: (
    holder: NodeAddress,
    place: PeerDocument & { offset: number; target: Uint8Array },
    signal: AbortSignal,
  ) => Promise<void>
  /** Has the holder find a message's document, or renew its file reference. Resolves with JSON of it. */
  locate: (
    holder: NodeAddress,
    message: Omit<PeerDocument, 'documentId'>,
    signal: AbortSignal,
  ) => Promise<string>
  /**
   * One stream for all uploads that a node watches at another one. Ends with the signal; yields nothing
   * twice, and after a break begins with how far each upload is.
   */
  progress: (
    holder: NodeAddress,
    uploadIds: readonly string[],
    signal: AbortSignal,
  ) => AsyncIterable<PeerProgress>
  /**
   * Asks the node that takes an upload's bytes as a stream to end its request, so that this one may go
   * on. Resolves when it has, or is gone.
   */
  endStream: (owner: NodeAddress, uploadId: string, signal: AbortSignal) => Promise<void>
}

export interface PeerDocument {
  readonly account: AccountName
  readonly messageId: number
  readonly documentId: string
}

export interface PeerProgress {
  readonly uploadId: string
  readonly percent: number
}
