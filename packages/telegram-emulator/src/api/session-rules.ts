import { CDN_DC, type Telegram } from '../context.ts'
import { RpcError } from '../rpc-error.ts'
import type { Connection, RpcCall } from '../types.ts'

/** Watches who uses a key, and kills it as Telegram would. */
export interface SessionRules {
  keyed: (connection: Connection, authKeyId: string) => void
  closed: (connection: Connection) => void
  /** Throws AUTH_KEY_DUPLICATED when this call is one too many. */
  admit: (call: RpcCall) => void
  open: () => Connection[]
}

type Traffic = 'ordinary' | 'upload'

interface Line {
  connection: Connection
  authKeyId: string
  /** Order of events; a millisecond is too coarse to tell who was first. */
  openedAt: number
  lastUse: Partial<Record<Traffic, { order: number; time: number }>>
  /** Was open when the key died, so it keeps hearing why. */
  doomed: boolean
}

/** What a client asks on a connection it opens for transfers, too. */
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
 * With `strictSessions` that is all; without, one connection of ordinary calls and one of
 * transfers are let pass, and so is what a client asks when it enters: stock clients live from
 * that. A connection that replaces another one is no parallel use: the old one must have been used
 * since the new one was opened.
 */
export function createSessionRules(telegram: Telegram): SessionRules {
  const lines = new Map<number, Line>()
  let order = 0

  function keyed(connection: Connection, authKeyId: string): Line {
    const known = lines.get(connection.id)
    if (known?.authKeyId === authKeyId) return known
    const line = { connection, authKeyId, openedAt: ++order, lastUse: {}, doomed: false }
    lines.set(connection.id, line)
    if (!known) {
      telegram.counters.connectionOpened(addressName(connection))
      connection.setBandwidth(telegram.settings.bandwidthPerConnection)
    }
    countMain(authKeyId)
    return line
  }

  const isMain = ({ role }: Connection): boolean => !role.mediaOnly && role.dcId !== CDN_DC

  const mainLines = (authKeyId: string): Line[] =>
    [...lines.values()].filter((line) => line.authKeyId === authKeyId && isMain(line.connection))

  function countMain(authKeyId: string): void {
    telegram.counters.mainConnections(authKeyId, mainLines(authKeyId).length)
  }

  function isParallel(line: Line, traffic: Traffic): boolean {
    const since = Date.now() - telegram.settings.duplicateWindowMs
    return mainLines(line.authKeyId).some((other) => {
      const use = other.lastUse[traffic]
      return other !== line && use && use.order > line.openedAt && use.time >= since
    })
  }

  return {
    keyed: (connection, authKeyId) => void keyed(connection, authKeyId),
    closed: (connection) => {
      const line = lines.get(connection.id)
      lines.delete(connection.id)
      if (line) countMain(line.authKeyId)
    },
    open: () => [...lines.values()].map(({ connection }) => connection),
    admit: ({ method, connection, authKeyId }) => {
      const line = keyed(connection, authKeyId)
      if (line.doomed) throw new RpcError(406, 'AUTH_KEY_DUPLICATED')
      const { strictSessions } = telegram.settings
      if (!isMain(connection) || (NEUTRAL.has(method._) && !strictSessions)) return
      if (telegram.store.keys.accountOf(authKeyId) === null) return
      const isUpload = method._.startsWith('upload.') && !strictSessions
      const traffic = isUpload ? 'upload' : 'ordinary'
      if (isParallel(line, traffic)) {
        telegram.log(`key ${authKeyId} dies: ${traffic} calls over two connections at once`)
        telegram.store.keys.kill(authKeyId, 'duplicated')
        for (const other of lines.values()) if (other.authKeyId === authKeyId) other.doomed = true
        telegram.counters.add('keysKilled')
        throw new RpcError(406, 'AUTH_KEY_DUPLICATED')
      }
      line.lastUse[traffic] = { order: ++order, time: Date.now() }
    },
  }
}

/** The name an address has in the counters. */
export const addressName = ({ role }: Connection): string =>
  role.mediaOnly ? `${role.dcId} media` : String(role.dcId)
