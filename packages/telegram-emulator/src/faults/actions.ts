import type { SessionRules } from '../api/session-rules.ts'
import { fromMarkedId } from '../bot-api/chats.ts'
import type { Telegram } from '../context.ts'
import type { ScriptedActions } from '../contract.ts'
import { badRequest } from '../rpc-error.ts'
import type { EmulatorSettings } from '../settings.ts'

/** The scripted actions, and those that have to do with settings. */
export interface Actions extends ScriptedActions {
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
    setRole: ({ channelId, accountId, role, without = [] }) => {
      const id = fromMarkedId(Number(channelId))
      if (!store.channels.find(id)) throw badRequest('CHANNEL_INVALID')
      const folderId = store.channels.member(id, accountId)?.folderId ?? 0
      if (role === null) store.channels.removeMember(id, accountId)
      else store.channels.setMember(id, accountId, { role, folderId, lacks: without })
    },
    changeSettings: (changes) => {
      Object.assign(settings, changes)
      applySettings()
      return { ...settings }
    },
    close: () => clearInterval(cutTimer),
  }
}
