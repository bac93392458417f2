import type { LeaseName } from './leases.ts'
import type { PeerQuestionKind } from './peers.ts'

/** What the rooms of a cluster report, to be counted. Calls do not throw. */
export interface ClusterMetrics {
  /** A lease was asked for, or has ended at this node. */
  lease: (name: LeaseName, event: LeaseEvent) => void
  /** This node has tried to claim an upload. `ended`: the upload had ended, or was gone. */
  claimed: (outcome: 'claimed' | 'ended') => void
  /** A write was refused, because another node carries the upload by now. */
  fenced: () => void
  /** A question to another node has ended. */
  asked: (question: EndedQuestion) => void
  /** A call to the object store has ended. */
  stored: (call: EndedStoreCall) => void
  /** A statement is sent to the database. */
  statement: () => void
}

/**
 * | event | means |
 * |---|---|
 * | `taken` | the name was free |
 * | `taken-over` | the node that had it has stopped renewing it |
 * | `elsewhere` | another node has it |
 * | `released` | given up, so that another node may have it at once |
 * | `lost` | it could not be renewed in time, or another node has it |
 */
export type LeaseEvent = 'taken' | 'taken-over' | 'elsewhere' | 'released' | 'lost'

export interface EndedQuestion {
  readonly kind: PeerQuestionKind
  readonly outcome: QuestionOutcome
  readonly seconds: number
}

/**
 * | outcome | means |
 * |---|---|
 * | `answered` | with what was asked for |
 * | `refused` | by the other node, with an error |
 * | `unavailable` | the other node did not answer in time, or broke off |
 * | `left` | this node has hung up |
 */
export type QuestionOutcome = 'answered' | 'refused' | 'unavailable' | 'left'

export interface EndedStoreCall {
  readonly call: 'put' | 'get' | 'copy' | 'list' | 'remove' | 'check'
  /** `missing`: there is no such object; `failed`: after all repetitions. */
  readonly outcome: 'ok' | 'missing' | 'failed'
  readonly seconds: number
}
