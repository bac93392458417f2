import { CDN_DC, type Telegram } from '../context.ts'
import { RpcError } from '../rpc-error.ts'
import type { Connection, RpcCall } from '../types.ts'

/** Watches which connections use a key, and kills the key where Telegram would. */
export interface SessionRules {
  keyed: (connection: Connection, authKeyId: string) => void
  closed: (connection: Connection) => void
  /** Throws AUTH_KEY_DUPLICATED when this call makes the use of its key parallel. */
  check: (call: RpcCall) => void
  open: () => Connection[]
}

type Traffic = 'ordinary' | 'upload'

interface KeyedConnection {
  connection: Connection
  authKeyId: string
  /** Order of events; a millisecond is too coarse to tell which came first. */
  openedAt: number
  lastUse: Partial<Record<Traffic, { order: number; time: number }>>
  /** The connection was open when its key died, so each later call on it gets AUTH_KEY_DUPLICATED. */
  isKeyDead: boolean
}

/** Calls that a client makes on its connections for transfers as well. */
const NEUTRAL = new Set([
  'help.getConfig',
  'help.getNearestDc',
  'help.getAppConfig',
  'auth.bindTempAuthKey',
  'auth.importAuthorization',
])

/**
 * "AUTH_KEY_DUPLICATED … if any of the non-media DC detects that an authorized session is sending
 * requests in parallel from two separate TCP connections" (https://core.telegram.org/api/errors).
 * With `strictSessions` that is all. Without it, one connection for ordinary calls and one for
 * transfers may be in use together, and neutral calls may come from both: stock clients need that.
 * A connection that replaces another one is no parallel use: the old one must have been used since
 * the new one was opened.
 */
export function createSessionRules(telegram: Telegram): SessionRules {
  const connections = new Map<number, KeyedConnection>()
  let order = 0

  function keyed(connection: Connection, authKeyId: string): KeyedConnection {
    const known = connections.get(connection.id)
    if (known?.authKeyId === authKeyId) return known
    const entry = { connection, authKeyId, openedAt: ++order, lastUse: {}, isKeyDead: false }
    connections.set(connection.id, entry)
    if (!known) {
      telegram.counters.connectionOpened(addressName(connection))
      connection.setBandwidth(telegram.settings.bandwidthPerConnection)
    }
    countMain(authKeyId)
    return entry
  }

  const isMain = ({ role }: Connection): boolean => !role.mediaOnly && role.dcId !== CDN_DC

  const mainConnections = (authKeyId: string): KeyedConnection[] =>
    [...connections.values()].filter(
      (entry) => entry.authKeyId === authKeyId && isMain(entry.connection),
    )

  function countMain(authKeyId: string): void {
    telegram.counters.mainConnections(authKeyId, mainConnections(authKeyId).length)
  }

  function isParallel(entry: KeyedConnection, traffic: Traffic): boolean {
    const since = Date.now() - telegram.settings.duplicateWindowMs
    return mainConnections(entry.authKeyId).some((other) => {
      const use = other.lastUse[traffic]
      return other !== entry && use && use.order > entry.openedAt && use.time >= since
    })
  }

  return {
    keyed: (connection, authKeyId) => void keyed(connection, authKeyId),
    closed: (connection) => {
      const entry = connections.get(connection.id)
      connections.delete(connection.id)
      if (entry) countMain(entry.authKeyId)
    },
    open: () => [...connections.values()].map(({ connection }) => connection),
    check: ({ method, connection, authKeyId }) => {
      const entry = keyed(connection, authKeyId)
      if (entry.isKeyDead) throw new RpcError(406, 'AUTH_KEY_DUPLICATED')
      const { strictSessions } = telegram.settings
      if (!isMain(connection) || (NEUTRAL.has(method._) && !strictSessions)) return
      if (telegram.store.keys.accountOf(authKeyId) === null) return
      const isUpload = method._.startsWith('upload.') && !strictSessions
      const traffic = isUpload ? 'upload' : 'ordinary'
      if (isParallel(entry, traffic)) {
        telegram.log(`key ${authKeyId} dies: ${traffic} calls over two connections at once`)
        telegram.store.keys.kill(authKeyId, 'duplicated')
        for (const other of connections.values())
          if (other.authKeyId === authKeyId) other.isKeyDead = true
        telegram.counters.add('keysKilled')
        throw new RpcError(406, 'AUTH_KEY_DUPLICATED')
      }
      entry.lastUse[traffic] = { order: ++order, time: Date.now() }
    },
  }
}

/** The name an address has in the counters. */
export const addressName = ({ role }: Connection): string =>
  role.mediaOnly ? `${role.dcId} media` : String(role.dcId)
