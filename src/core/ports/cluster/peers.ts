import type { NodeAddress } from './leases.ts'

/**
 * What a node asks the others, and what it answers them. Questions and answers are encrypted and
 * authenticated with keys made of LEDGER_KEY: only a node of this cluster can ask, and each question is
 * taken once.
 *
 * A worker that is alone has no peers, and asks none.
 */
export interface Peers {
  /**
   * Puts a question to a node. Resolves with the answer: JSON, or bytes. An AppError of the answerer
   * arrives as it was. Rejects with PEER_UNAVAILABLE (503, retryable) where the node does not answer in
   * time, or breaks off; the caller then goes by the rows, or passes that on. When `signal` aborts, the
   * answerer's signal does.
   */
  ask: (node: NodeAddress, question: PeerQuestion, options: AskOptions) => Promise<unknown>
  /** Says what answers questions of this kind. Each kind has one answerer. */
  answer: (kind: PeerQuestionKind, answerer: PeerAnswerer) => void
}

/**
 * | kind | asks |
 * |---|---|
 * | `wake` | to look at uploads that can go on: `{ uploadIds }` |
 * | `stop` | to stop carrying an upload: `{ uploadId, reason }`; answered when it has let go of its files |
 * | `end-stream` | to end the request that brings an upload's bytes as a stream: `{ uploadId }` |
 * | `telegram` | to call the gateway for an account that it holds |
 * | `block` | for bytes of a document |
 * | `progress` | for the progress of uploads, as events, until the asker hangs up: `{ uploadIds }` |
 * | `ping` | whether it is there |
 */
export type PeerQuestionKind =
  | 'wake'
  | 'stop'
  | 'end-stream'
  | 'telegram'
  | 'block'
  | 'progress'
  | 'ping'

export interface PeerQuestion {
  readonly kind: PeerQuestionKind
  /** JSON. The answerer parses it before it believes it. */
  readonly body: unknown
}

export interface AskOptions {
  signal: AbortSignal
  /** Called with each event that the answerer emits before its answer: JSON. */
  onEvent?: (event: unknown) => void
  /** Milliseconds without any sign of life after which the node counts as gone; 10,000 by default. */
  silenceMs?: number
}

/**
 * Resolves with JSON, or with bytes, which may be used again as soon as the promise is settled. Rejects
 * with the AppError that the asker is to get; any other error is logged here, and arrives as INTERNAL.
 */
export type PeerAnswerer = (
  body: unknown,
  context: {
    /** Aborts when the asker has hung up, or this node stops. */
    signal: AbortSignal
    /** Passes JSON to the asker's `onEvent`. An asker that reads too slowly is cut. */
    emit: (event: unknown) => void
    /** The node that asks, which can be asked back. */
    asker: NodeAddress
  },
) => Promise<unknown>
