import type { Database } from './database.ts'

/** A user, a bot and their channel, as `createAccount` makes them under one label. */
export interface Bundle {
  label: string
  userId: number | null
  botId: number | null
  channelId: number
  /** The key inside the user's string session. */
  authKeyId: string | null
}

export interface BundleStore {
  find: (label: string) => Bundle | null
  save: (bundle: Bundle) => void
  /** The label of a user or bot, if it came with one. */
  labelOf: (accountId: number) => string | null
}

export function createBundleStore(database: Database): BundleStore {
  return {
    find: (label) =>
      database.get<Bundle>(
        'SELECT label, user_id AS userId, bot_id AS botId, channel_id AS channelId, auth_key_id AS authKeyId FROM bundles WHERE label = ?',
        label,
      ) ?? null,
    save: ({ label, userId, botId, channelId, authKeyId }) => {
      database.run(
        'INSERT OR REPLACE INTO bundles (label, user_id, bot_id, channel_id, auth_key_id) VALUES (?, ?, ?, ?, ?)',
        ...[label, userId, botId, channelId, authKeyId],
      )
    },
    labelOf: (accountId) =>
      database.get<{ label: string }>(
        'SELECT label FROM bundles WHERE user_id = ? OR bot_id = ?',
        accountId,
        accountId,
      )?.label ?? null,
  }
}
