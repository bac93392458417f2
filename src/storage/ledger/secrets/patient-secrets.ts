import type { Ledger } from '../../../core/ports/ledger.ts'
import type { Log } from '../../../core/ports/log.ts'
import { AppError } from '../../../errors.ts'

const AGAIN_MS = 5_000
/** More than this is forgotten, oldest first: a bot then signs in once more after a restart. */
const MAX_WAITING = 1000

type Secrets = Pick<Ledger, 'secret' | 'saveSecret' | 'deleteSecret'>

export interface PatientSecrets extends Secrets {
  /** Tries once more to write what waits, and stops trying. */
  close: () => void
}

/**
 * Secrets that outlive a disk on which nothing can be written: what cannot be kept yet is
 * remembered and tried again. A key that a flood-limited login has brought is never thrown away,
 * and never a reason for that login to fail.
 */
export function createPatientSecrets(ledger: Secrets, log: Log): PatientSecrets {
  /** What each name should hold; null: nothing. */
  const waiting = new Map<string, Buffer | null>()
  let timer: NodeJS.Timeout | null = null

  function write(name: string, value: Buffer | null): void {
    if (value) ledger.saveSecret(name, value)
    else ledger.deleteSecret(name)
  }

  function set(name: string, value: Buffer | null): void {
    waiting.delete(name)
    try {
      write(name, value)
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable) throw error
      log.warn({ err: error }, 'a secret cannot be written yet')
      waiting.set(name, value)
      const [oldest] = waiting.keys()
      if (waiting.size > MAX_WAITING && oldest !== undefined) waiting.delete(oldest)
      tryLater()
    }
  }

  function tryLater(): void {
    timer ??= setTimeout(() => {
      timer = null
      writeWaiting()
      if (waiting.size > 0) tryLater()
    }, AGAIN_MS).unref()
  }

  function writeWaiting(): void {
    try {
      for (const [name, value] of waiting) {
        write(name, value)
        waiting.delete(name)
      }
    } catch {
      // Said when it failed first; it stays in line.
    }
  }

  return {
    secret: (name) => {
      const later = waiting.get(name)
      return later === undefined ? ledger.secret(name) : later
    },
    saveSecret: set,
    deleteSecret: (name) => set(name, null),
    close: () => {
      if (timer !== null) clearTimeout(timer)
      writeWaiting()
    },
  }
}
