import type { Ledger } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob } from '../tables/rows.ts'
import type { LedgerCipher } from './cipher.ts'

export type SecretRecords = Pick<Synchronous<Ledger>, 'secret' | 'saveSecret' | 'deleteSecret'>

export function createSecretRecords(database: LedgerDatabase, cipher: LedgerCipher): SecretRecords {
  const find = database.prepare('SELECT value FROM secrets WHERE name = ?')
  const save = database.prepare('INSERT OR REPLACE INTO secrets (name, value) VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM secrets WHERE name = ?')
  const purpose = (name: string): string => `secret:${name}`

  return {
    secret: (name) => {
      const row = find.get(name)
      return row ? cipher.decrypt(purpose(name), blob(row, 'value')) : null
    },
    saveSecret: (name, value) => void save.run(name, cipher.encrypt(purpose(name), value)),
    deleteSecret: (name) => void remove.run(name),
  }
}
