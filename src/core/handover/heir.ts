import { type HandOverState, type Instance, isNewer } from '../ports/deployment.ts'

/** For which of several newer instances this one lets go of Telegram. */
export interface Heir {
  is: (instance: Instance) => void
  /** Of all that ask, the newest. */
  mayBe: (asker: Instance) => void
  /** What an asker is told once Telegram has been let go of; with no heir yet, it is the asker. */
  answerTo: (asker: Instance) => HandOverState
  none: () => void
}

export function createHeir(): Heir {
  let heir: Instance | null = null
  return {
    is: (instance) => {
      heir = instance
    },
    mayBe: (asker) => {
      if (heir === null || isNewer(asker, heir)) heir = asker
    },
    answerTo: (asker) => {
      heir ??= asker
      if (heir.id === asker.id) return 'released'
      return isNewer(heir, asker) ? 'stand-back' : 'taken'
    },
    none: () => {
      heir = null
    },
  }
}
