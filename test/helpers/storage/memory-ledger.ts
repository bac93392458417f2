import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import type { MaintainedLedger } from '../../../src/core/ports/ledger.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../recording-log.ts'

/** The ledger without a file, whose calls a test can interrupt. */
export interface MemoryLedger extends MaintainedLedger {
  /**
   * Runs `act` before the next call of this name does its work: for what happens just then, or for
   * an error that the call rejects with. Several for one name take one call each.
   */
  before: (name: keyof MaintainedLedger, act: () => Promise<unknown>) => void
}

export function createMemoryLedger(): MemoryLedger {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  onTestFinished(ledger.close)
  const acts = new Map<keyof MaintainedLedger, (() => Promise<unknown>)[]>()
  const before: MemoryLedger['before'] = (name, act) => {
    acts.set(name, [...(acts.get(name) ?? []), act])
  }
  return new Proxy(
    { ...ledger, before },
    {
      get: (target, name: keyof MaintainedLedger, receiver) => {
        const call: unknown = Reflect.get(target, name, receiver)
        if (typeof call !== 'function' || !acts.has(name)) return call
        return async (...args: unknown[]) => {
          await acts.get(name)?.shift()?.()
          return call(...args)
        }
      },
    },
  )
}
