import { untilAborted } from '../../../lib/waiting/abortable.ts'
import { ConnectionError, faultOf } from '../../errors.ts'
import type { Connect } from './connect.ts'
import type { Connection } from './connection.ts'
import type { DataCentres } from './data-centres.ts'
import type { Gramjs, TlRequest } from './gramjs.ts'

/**
 * Where auth keys for other data centres are kept. Keys are secrets of 256 bytes. A `get` sees what
 * was `set` before it, even while that is still being written.
 */
export interface KeyStore {
  get: (dcId: number) => Promise<Buffer | null>
  set: (dcId: number, key: Buffer | null) => Promise<void>
}

export function createMemoryKeyStore(): KeyStore {
  const keys = new Map<number, Buffer>()
  return {
    get: async (dcId) => keys.get(dcId) ?? null,
    set: async (dcId, key) => void (key ? keys.set(dcId, key) : keys.delete(dcId)),
  }
}

export interface DcAuthKeysOptions {
  gramjs: Gramjs
  apiId: number
  connect: Connect
  store: KeyStore
  centres: () => Promise<DataCentres>
  /** An ordinary call at home. */
  callHome: <Answer>(request: TlRequest<Answer>) => Promise<Answer>
  /** Ends work that is shared by several callers. */
  closing: AbortSignal
}

/** This account's keys in data centres that are not its own. */
export interface DcAuthKeys {
  /** The key; made and authorized where there is none, once for all callers that wait. */
  get: (dcId: number, signal: AbortSignal) => Promise<Buffer>
  /** The key that `get` returned last, or null. */
  current: (dcId: number) => Buffer | null
  /** Telegram does not know the key any more. */
  forget: (dcId: number) => Promise<void>
}

/**
 * A key exchange costs half a second of CPU and exporting an authorization is flood-limited, so
 * both happen once per data centre (core.telegram.org/api/datacenter).
 */
export function createDcAuthKeys(options: DcAuthKeysOptions): DcAuthKeys {
  const { gramjs, apiId, connect, store, centres, callHome, closing } = options
  const finding = new Map<number, Promise<Buffer>>()
  const known = new Map<number, Buffer>()

  async function find(dcId: number): Promise<Buffer> {
    const stored = await store.get(dcId)
    if (stored === null) return make(dcId)
    known.set(dcId, stored)
    return stored
  }

  async function make(dcId: number): Promise<Buffer> {
    const { Api } = gramjs
    const address = (await centres()).main(dcId)
    if (!address) throw new ConnectionError('unreachable')
    const exported = await callHome(new Api.auth.ExportAuthorization({ dcId }))
    const query = new Api.auth.ImportAuthorization({ id: exported.id, bytes: exported.bytes })
    let connection: Connection | undefined
    try {
      const opened = await connect(
        { gramjs, apiId, address, dcId, authKey: null, purpose: 'foreign' },
        query,
        closing,
      )
      connection = opened.connection
      known.set(dcId, connection.authKey)
      await store.set(dcId, connection.authKey)
      return connection.authKey
    } finally {
      connection?.close()
    }
  }

  return {
    current: (dcId) => known.get(dcId) ?? null,
    get: async (dcId, signal) => {
      const key = known.get(dcId)
      if (key) return key
      const running = finding.get(dcId) ?? find(dcId).finally(() => finding.delete(dcId))
      finding.set(dcId, running)
      return untilAborted(running, signal)
    },
    forget: (dcId) => {
      known.delete(dcId)
      return store.set(dcId, null)
    },
  }
}

export const isKeyDead = (error: unknown): boolean => faultOf(error).kind === 'key-dead'
