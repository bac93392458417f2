import { untilAborted } from '../../../lib/waiting/until-aborted.ts'
import { faultOf, LinkError } from '../../errors.ts'
import type { DataCentres } from './data-centres.ts'
import type { Enter } from './connect.ts'
import type { Gramjs, TlRequest } from './gramjs.ts'
import type { Link } from './connection.ts'

/** Where auth keys for other data centres are kept. Keys are secrets of 256 bytes. */
export interface KeyStore {
  get: (dcId: number) => Buffer | null
  set: (dcId: number, key: Buffer | null) => void
}

export function createMemoryKeyStore(): KeyStore {
  const keys = new Map<number, Buffer>()
  return {
    get: (dcId) => keys.get(dcId) ?? null,
    set: (dcId, key) => void (key ? keys.set(dcId, key) : keys.delete(dcId)),
  }
}

export interface ForeignKeysOptions {
  gramjs: Gramjs
  apiId: number
  enter: Enter
  store: KeyStore
  centres: () => Promise<DataCentres>
  /** An ordinary call at home. */
  callHome: <Answer>(request: TlRequest<Answer>) => Promise<Answer>
  /** Ends work that is shared by several callers. */
  closing: AbortSignal
}

/** This account's keys in data centres that are not its own. */
export interface ForeignKeys {
  /** The key, made and authorized if need be; callers that come meanwhile share the work. */
  get: (dcId: number, signal: AbortSignal) => Promise<Buffer>
  /** Telegram does not know the key any more. */
  forget: (dcId: number) => void
}

/**
 * A key exchange costs half a second of CPU and exporting an authorization is flood-limited, so
 * both happen once per data centre (core.telegram.org/api/datacenter).
 */
export function createForeignKeys(options: ForeignKeysOptions): ForeignKeys {
  const { gramjs, apiId, enter, store, centres, callHome, closing } = options
  const making = new Map<number, Promise<Buffer>>()

  async function make(dcId: number): Promise<Buffer> {
    const { Api } = gramjs
    const address = (await centres()).main(dcId)
    if (!address) throw new LinkError('unreachable')
    const exported = await callHome(new Api.auth.ExportAuthorization({ dcId }))
    const query = new Api.auth.ImportAuthorization({ id: exported.id, bytes: exported.bytes })
    let link: Link | undefined
    try {
      const opened = await enter(
        { gramjs, apiId, address, dcId, authKey: null, errand: 'abroad' },
        query,
        closing,
      )
      link = opened.link
      store.set(dcId, link.authKey)
      return link.authKey
    } finally {
      link?.close()
    }
  }

  return {
    get: (dcId, signal) => {
      const known = store.get(dcId)
      if (known) return Promise.resolve(known)
      const running = making.get(dcId) ?? make(dcId).finally(() => making.delete(dcId))
      making.set(dcId, running)
      return untilAborted(running, signal)
    },
    forget: (dcId) => store.set(dcId, null),
  }
}

export const isKeyDead = (error: unknown): boolean => faultOf(error).kind === 'key-dead'
