import type { Ledger } from '../../../core/ports/ledger.ts'
import { StartUpError } from '../../../errors.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { CHECK_NAME, CHECK_TEXT, secretPurpose } from '../../ledger/secrets/secrets.ts'
import { blob } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries } from '../database.ts'

export type SecretRecords = Pick<Ledger, 'secret' | 'saveSecret' | 'deleteSecret'>

export function createSecretRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
): SecretRecords {
  return {
    secret: async (name) => {
      const row = await database.get('SELECT value FROM secrets WHERE name = $1', [name])
      return row ? cipher.decrypt(secretPurpose(name), blob(row, 'value')) : null
    },
    saveSecret: async (name, value) => {
      await database.run(
        `INSERT INTO secrets (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
        [name, cipher.encrypt(secretPurpose(name), value)],
      )
    },
    deleteSecret: async (name) => {
      await database.run('DELETE FROM secrets WHERE name = $1', [name])
    },
  }
}

/**
 * Throws StartUpError where the ledger was written with another key: nodes with two keys could not
 * read each other's tokens, and their uploads would fail.
 */
export async function assertKey(database: PostgresDatabase, cipher: LedgerCipher): Promise<void> {
  const purpose = secretPurpose(CHECK_NAME)
  await database.run('INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    CHECK_NAME,
    cipher.encrypt(purpose, CHECK_TEXT),
  ])
  if (await isKeyOf(database, cipher)) return
  throw new StartUpError(
    "LEDGER_KEY is not the other nodes'. For a new key, end all nodes and delete the row `key-check` of the table secrets: complete uploads that wait for Telegram then fail, and links made before are void",
  )
}

/** Whether the ledger was written with this key; null: with none yet. */
export async function isKeyOf(
  queries: Pick<Queries, 'get'>,
  cipher: LedgerCipher,
): Promise<boolean | null> {
  const row = await queries.get('SELECT value FROM secrets WHERE name = $1', [CHECK_NAME])
  if (!row) return null
  return cipher.decrypt(secretPurpose(CHECK_NAME), blob(row, 'value'))?.equals(CHECK_TEXT) ?? false
}
