import type { SessionRules } from '../api/session-rules.ts'
import { fromMarkedId } from '../bot-api/chats.ts'
import type { Telegram } from '../context.ts'
import { badRequest } from '../rpc-error.ts'
import type { EmulatorSettings } from '../settings.ts'
import type { Role } from '../store/channels.ts'

/** Things that a test can make the emulated Telegram do, besides fault rules. */
export interface Actions {
  /** Ends every file reference given out so far. */
  expireFileReferences: () => void
  /** Loses parts of a file_id (all of them without `parts`); returns the number of parts lost. */
  loseParts: (fileId: string, parts?: readonly number[]) => Promise<number>
  /** `unregister`: later calls get 401 AUTH_KEY_UNREGISTERED; `forget`: transport error -404. */
  revokeKey: (authKeyId: string, how: 'unregister' | 'forget') => void
  forgetRandomIds: () => void
  /** Cuts every connection that has sent a message; returns their number. */
  cutConnections: () => number
  /** Moves one document, or all of them, to another data centre. */
  migrateDocuments: (dcId: number, documentId?: string) => void
  /** Makes an account admin, member or nothing (null) of a channel, named by its marked id. */
  setRole: (change: { channelId: string; accountId: number; role: Role | null }) => void
  changeSettings: (settings: Partial<EmulatorSettings>) => EmulatorSettings
  /** Stops the timer that cuts connections. */
  close: () => void
}

export function createActions(telegram: Telegram, rules: SessionRules): Actions {
  const { store, settings, parts } = telegram
  let cutTimer: NodeJS.Timeout | undefined

  function cutConnections(): number {
    const open = rules.open()
    for (const connection of open) connection.destroy()
    return open.length
  }

  function applySettings(): void {
    for (const connection of rules.open()) connection.setBandwidth(settings.bandwidthPerConnection)
    clearInterval(cutTimer)
    const everyMs = settings.cutConnectionsEveryMs
    cutTimer = everyMs === null ? undefined : setInterval(cutConnections, everyMs)
    cutTimer?.unref()
  }

  applySettings()
  return {
    expireFileReferences: store.hashes.expireReferences,
    loseParts: parts.lose,
    revokeKey: (authKeyId, how) => {
      if (how === 'forget') store.keys.kill(authKeyId, 'forgotten')
      else store.keys.logout(authKeyId)
    },
    forgetRandomIds: store.messages.forgetRandomIds,
    cutConnections,
    migrateDocuments: store.documents.migrate,
    setRole: ({ channelId, accountId, role }) => {
      const id = fromMarkedId(Number(channelId))
      if (!store.channels.find(id)) throw badRequest('CHANNEL_INVALID')
      const folderId = store.channels.member(id, accountId)?.folderId ?? 0
      if (role === null) store.channels.removeMember(id, accountId)
      else store.channels.setMember(id, accountId, { role, folderId })
    },
    changeSettings: (changes) => {
      Object.assign(settings, changes)
      applySettings()
      return { ...settings }
    },
    close: () => clearInterval(cutTimer),
  }
}
