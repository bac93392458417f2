import type { OutgoingFile, TransferJournal } from '../../../core/ports/telegram.ts'
import { PART_BYTES } from '../../limits.ts'

export interface Part {
  readonly index: number
  readonly offset: number
  readonly size: number
}

/** Decides which part goes next. */
export interface PartPlan {
  /** A part whose bytes are here and that is neither acknowledged nor on its way, or null. */
  next: () => Part | null
  acknowledged: (part: Part) => void
  /** The part did not arrive: it may be chosen again. */
  returned: (part: Part) => void
  /** Bytes of the file that Telegram has. */
  readonly acceptedBytes: number
  /** Whether Telegram has every part. */
  readonly complete: boolean
}

type PlanFile = Pick<OutgoingFile, 'size' | 'has'>
type PlanJournal = Pick<TransferJournal, 'hasPart' | 'addPart'>

export function countParts(size: number): number {
  return Math.ceil(size / PART_BYTES)
}

export function partAt(size: number, index: number): Part {
  const offset = index * PART_BYTES
  return { index, offset, size: Math.min(PART_BYTES, size - offset) }
}

/**
 * Parts in order, those left out whose bytes are still to come. A short last part waits until
 * Telegram has a full one, because the first part that arrives fixes the size of all others.
 */
export function createPartPlan(file: PlanFile, journal: PlanJournal): PartPlan {
  const total = countParts(file.size)
  const waiting = new Set<number>()
  let accepted = 0
  let fullAccepted = total === 1
  let cursor = 0

  function count(part: Part): void {
    accepted += part.size
    if (part.size === PART_BYTES) fullAccepted = true
  }

  for (let index = 0; index < total; index++) {
    if (journal.hasPart(index)) count(partAt(file.size, index))
    else waiting.add(index)
  }

  function fits(part: Part): boolean {
    return (part.size === PART_BYTES || fullAccepted) && file.has(part.offset, part.size)
  }

  function choose(index: number): Part | null {
    const part = partAt(file.size, index)
    if (!waiting.has(index) || !fits(part)) return null
    waiting.delete(index)
    cursor = index + 1
    return part
  }

  return {
    next: () => {
      // From where the last one was found: chunks mostly come in order.
      for (let index = cursor; index < total; index++) {
        const part = choose(index)
        if (part) return part
      }
      for (const index of waiting) {
        const part = choose(index)
        if (part) return part
      }
      return null
    },
    acknowledged: (part) => {
      journal.addPart(part.index)
      count(part)
    },
    returned: (part) => void waiting.add(part.index),
    get acceptedBytes() {
      return accepted
    },
    get complete() {
      return accepted === file.size
    },
  }
}
