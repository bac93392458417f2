import { randomBytes } from 'node:crypto'
import { makeRsaKey } from '../mtproto/handshake/rsa.ts'
import type { Database } from './database.ts'

/** Single values that outlive a restart. */
export interface MetaStore {
  get: (name: string) => string | null
  set: (name: string, value: string) => void
  /** Returns the kept value; the first time, keeps the result of `make` and returns it. */
  ensure: (name: string, make: () => string) => string
}

export function createMetaStore(database: Database): MetaStore {
  const get = (name: string): string | null =>
    database.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value ?? null
  const set = (name: string, value: string): void => {
    database.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', name, value)
  }
  return {
    get,
    set,
    ensure: (name, make) => {
      const kept = get(name)
      if (kept !== null) return kept
      const made = make()
      set(name, made)
      return made
    },
  }
}

/** The secrets of one emulated Telegram. */
export interface ServerSecrets {
  privateKeyPem: string
  cdnPrivateKeyPem: string
  /** Seeds access hashes and file references. */
  hashSecret: Buffer
  apiId: number
  apiHash: string
}

/** Reads the server's secrets, making them the first time. */
export function loadSecrets(meta: MetaStore, makeKey = makeRsaKey): ServerSecrets {
  return {
    privateKeyPem: meta.ensure('private_key', makeKey),
    cdnPrivateKeyPem: meta.ensure('cdn_private_key', makeKey),
    hashSecret: Buffer.from(
      meta.ensure('hash_secret', () => randomBytes(32).toString('hex')),
      'hex',
    ),
    apiId: Number(meta.ensure('api_id', () => String(1_000_000 + randomBytes(2).readUInt16BE()))),
    apiHash: meta.ensure('api_hash', () => randomBytes(16).toString('hex')),
  }
}
