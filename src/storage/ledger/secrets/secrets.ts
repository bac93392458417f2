import type { Ledger } from '../../../core/ports/ledger.ts'
import type { Log } from '../../../core/ports/log.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob } from '../tables/rows.ts'
import type { LedgerCipher } from './cipher.ts'

/** The secret by which a ledger knows its key again. */
export const CHECK_NAME = 'key-check'
export const CHECK_TEXT = Buffer.from('this is the key')

export type SecretRecords = Pick<Synchronous<Ledger>, 'secret' | 'saveSecret' | 'deleteSecret'>

export function createSecretRecords(database: LedgerDatabase, cipher: LedgerCipher): SecretRecords {
  const find = database.prepare('SELECT value FROM secrets WHERE name = ?')
  const save = database.prepare('INSERT OR REPLACE INTO secrets (name, value) VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM secrets WHERE name = ?')

  return {
    secret: (name) => {
      const row = find.get(name)
      return row ? cipher.decrypt(secretPurpose(name), blob(row, 'value')) : null
    },
    saveSecret: (name, value) => void save.run(name, cipher.encrypt(secretPurpose(name), value)),
    deleteSecret: (name) => void remove.run(name),
  }
}

/** What a secret is encrypted for. */
export function secretPurpose(name: string): string {
  return `secret:${name}`
}

/**
 * Says when the ledger was written with another key. Nothing is refused then: a key may be changed
 * on purpose, and all that is not secret is as good as before.
 */
export function checkKey(
  secrets: Pick<SecretRecords, 'secret' | 'saveSecret'>,
  { isNew, log }: { isNew: boolean; log: Log },
): void {
  if (secrets.secret(CHECK_NAME)?.equals(CHECK_TEXT)) return
  if (!isNew) {
    log.warn(
      {},
      'the ledger was written with another LEDGER_KEY or key file: complete uploads that wait for Telegram will fail with "Sign in again", and links made before are void',
    )
  }
  secrets.saveSecret(CHECK_NAME, CHECK_TEXT)
}
