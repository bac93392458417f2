import type { Ledger } from '../../../core/ports/ledger.ts'
import type { Log } from '../../../core/ports/log.ts'

const AGAIN_MS = 5_000
/** More than this is forgotten, oldest first: a bot then signs in once more after a restart. */
const MAX_WAITING = 1000

type Secrets = Pick<Ledger, 'secret' | 'saveSecret' | 'deleteSecret'>

export interface RetryingSecrets extends Secrets {
  /** Tries once more to write what waits, and stops trying. */
  close: () => Promise<void>
}

/**
 * Secrets that outlive a disk on which nothing can be written: what cannot be kept yet is
 * remembered and tried again. A key that a flood-limited login has brought is never thrown away,
 * and never a reason for that login to fail: to save or to delete one does not reject.
 */
export function createRetryingSecrets(ledger: Secrets, log: Log): RetryingSecrets {
  /** What each name should hold and does not yet; null: nothing. */
  const waiting = new Map<string, Buffer | null>()
  let timer: NodeJS.Timeout | null = null
  /** Ends with the last write: of two values of a name the newer one must come last. */
  let writing: Promise<void> = Promise.resolve()

  function set(name: string, value: Buffer | null): Promise<void> {
    waiting.delete(name)
    waiting.set(name, value)
    const [oldest] = waiting.keys()
    if (waiting.size > MAX_WAITING && oldest !== undefined) waiting.delete(oldest)
    writing = writing.then(() => write(name))
    return writing
  }

  async function write(name: string): Promise<void> {
    const value = waiting.get(name)
    if (value === undefined) return
    try {
      if (value) await ledger.saveSecret(name, value)
      else await ledger.deleteSecret(name)
      if (waiting.get(name) === value) waiting.delete(name)
    } catch (error) {
      log.warn({ err: error }, 'a secret cannot be written yet')
      timer ??= setTimeout(again, AGAIN_MS).unref()
    }
  }

  function again(): void {
    timer = null
    writing = writing.then(writeWaiting)
  }

  async function writeWaiting(): Promise<void> {
    for (const name of [...waiting.keys()]) await write(name)
  }

  return {
    secret: async (name) => {
      const later = waiting.get(name)
      return later === undefined ? ledger.secret(name) : later
    },
    saveSecret: set,
    deleteSecret: (name) => set(name, null),
    close: async () => {
      await writing
      await writeWaiting()
      if (timer !== null) clearTimeout(timer)
    },
  }
}
