import { createHash, randomBytes } from 'node:crypto'
import type { AuthKey, AuthKeyStore } from '../types.ts'
import type { Database } from './database.ts'

/** Why a key no longer opens anything: two connections used it at once, or the server lost it. */
export type KeyDeath = 'duplicated' | 'forgotten'

/** Authorization keys and the accounts that are logged in with them. */
export interface KeyStore extends AuthKeyStore {
  /** Makes a permanent key, as a key exchange would have. */
  create: (dcId: number) => AuthKey
  accountOf: (authKeyId: string) => number | null
  login: (authKeyId: string, accountId: number) => void
  logout: (authKeyId: string) => void
  deathOf: (authKeyId: string) => KeyDeath | null
  kill: (authKeyId: string, reason: KeyDeath) => void
  /** Whether the key's client has called initConnection. */
  isIntroduced: (authKeyId: string) => boolean
  setIntroduced: (authKeyId: string, introduced: boolean) => void
}

interface KeyRow {
  id: string
  key: Uint8Array
  dc_id: number
  expires_at: number | null
  permanent_key_id: string | null
  layer: number | null
}

export function createKeyStore(database: Database): KeyStore {
  // Asked for with every message, so kept at hand.
  const deaths = new Map<string, KeyDeath>()
  const logins = new Map<string, number>()
  const introduced = new Set<string>()
  for (const { auth_key_id } of database.all<{ auth_key_id: string }>(
    'SELECT auth_key_id FROM introduced_keys',
  ))
    introduced.add(auth_key_id)
  for (const row of database.all<{ auth_key_id: string; reason: KeyDeath }>(
    'SELECT * FROM dead_keys',
  ))
    deaths.set(row.auth_key_id, row.reason)
  for (const row of database.all<{ auth_key_id: string; account_id: number }>(
    'SELECT * FROM logins',
  ))
    logins.set(row.auth_key_id, row.account_id)

  function save({ id, key, dcId, expiresAt, permanentKeyId, layer }: AuthKey): void {
    database.run(
      'INSERT OR REPLACE INTO auth_keys (id, key, dc_id, expires_at, permanent_key_id) VALUES (?, ?, ?, ?, ?)',
      ...[id, key, dcId, expiresAt, permanentKeyId],
    )
    if (layer !== undefined)
      database.run('INSERT OR REPLACE INTO key_layers VALUES (?, ?)', id, layer)
  }

  function logout(authKeyId: string): void {
    logins.delete(authKeyId)
    database.run('DELETE FROM logins WHERE auth_key_id = ?', authKeyId)
  }

  return {
    find: (id) => {
      const row = database.get<KeyRow>(
        'SELECT auth_keys.*, layer FROM auth_keys LEFT JOIN key_layers ON auth_key_id = id WHERE id = ?',
        id,
      )
      return row ? toAuthKey(row) : null
    },
    save,
    create: (dcId) => {
      const key = randomBytes(256)
      const made = { id: keyIdOf(key), key, dcId, expiresAt: null, permanentKeyId: null }
      save(made)
      return made
    },
    accountOf: (authKeyId) => logins.get(authKeyId) ?? null,
    login: (authKeyId, accountId) => {
      logins.set(authKeyId, accountId)
      database.run('INSERT OR REPLACE INTO logins VALUES (?, ?)', authKeyId, accountId)
    },
    logout,
    deathOf: (authKeyId) => deaths.get(authKeyId) ?? null,
    kill: (authKeyId, reason) => {
      logout(authKeyId)
      deaths.set(authKeyId, reason)
      database.run('INSERT OR REPLACE INTO dead_keys VALUES (?, ?)', authKeyId, reason)
    },
    isIntroduced: (authKeyId) => introduced.has(authKeyId),
    setIntroduced: (authKeyId, isIntroduced) => {
      if (introduced.has(authKeyId) === isIntroduced) return
      if (isIntroduced) introduced.add(authKeyId)
      else introduced.delete(authKeyId)
      database.run(
        isIntroduced
          ? 'INSERT OR REPLACE INTO introduced_keys VALUES (?)'
          : 'DELETE FROM introduced_keys WHERE auth_key_id = ?',
        authKeyId,
      )
    },
  }
}

function toAuthKey(row: KeyRow): AuthKey {
  return {
    id: row.id,
    key: row.key,
    dcId: row.dc_id,
    expiresAt: row.expires_at,
    permanentKeyId: row.permanent_key_id,
    ...(row.layer === null ? {} : { layer: row.layer }),
  }
}

/** The lower 64 bits of the key's SHA-1 (https://core.telegram.org/mtproto/description#key-identifier-auth-key-id). */
function keyIdOf(key: Uint8Array): string {
  return createHash('sha1').update(key).digest().readBigInt64LE(12).toString()
}
