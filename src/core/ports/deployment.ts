/**
 * Instances of one deployment. Hosts such as Render start the new one beside the old one, on
 * another machine, and a Telegram session that is used from two machines dies
 * (`AUTH_KEY_DUPLICATED`): so the new one asks the old one to release Telegram.
 */

/** One running process. */
export interface Instance {
  readonly id: string
  /** Epoch ms, by its own clock. */
  readonly startedAt: number
}

/** Whether `one` was started after `other`; of two that were started at once, one is newer. */
export function isNewer(one: Instance, other: Instance): boolean {
  if (one.startedAt !== other.startedAt) return one.startedAt > other.startedAt
  return one.id > other.id
}

export interface Question {
  /**
   * `start`: the asker is new, and wants the other instance to release Telegram. `return`: the asker
   * has released Telegram, and wants it back if no other instance has it.
   */
  intent: 'start' | 'return'
  /** Whether the answer should wait until Telegram has been released. */
  wait: boolean
}

export interface HandOverRequest extends Question {
  instance: Instance
}

/**
 * | state | the asker |
 * |---|---|
 * | `self` | has asked itself: no other instance is at the public address |
 * | `draining` | asks again; within `withinMs` Telegram is released, whatever happens |
 * | `released` | may connect: the answerer has disconnected, and will not connect again |
 * | `superseded` | comes again: the answerer has released for another instance, which may be dead |
 * | `denied` | must not connect: the answerer, or a newer instance, has Telegram |
 */
export type HandOverState = 'self' | 'draining' | 'released' | 'superseded' | 'denied'

export interface HandOverAnswer {
  /** The instance that answers. */
  instance: Instance
  state: HandOverState
  /** Milliseconds; 0 unless `draining`. */
  withinMs: number
}

export type Reply =
  | { kind: 'answered'; answer: HandOverAnswer }
  /** No instance of this deployment is there, or one that does not know the question. */
  | { kind: 'absent'; reason: string }
  /** An instance may be there: worth another try. */
  | { kind: 'unclear'; reason: string }

/** The deployment's public address, behind which this instance or an older one is. */
export interface PublicAddress {
  /** Puts the question to the instance that is there. Rejects with the signal's reason only. */
  ask: (question: Question, signal: AbortSignal) => Promise<Reply>
}

/** Says how this instance stands to another one of its deployment. */
export interface HandOverAnswerer {
  /** Rejects with the signal's reason. */
  answer: (request: HandOverRequest, signal: AbortSignal) => Promise<HandOverAnswer>
}
