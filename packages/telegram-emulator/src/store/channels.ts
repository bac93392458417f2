import { randomInt } from 'node:crypto'
import type { AdminRight, ChannelRole } from '../contract.ts'
import type { ChangeStore } from './changes.ts'
import type { Database } from './database.ts'

export interface Channel {
  id: number
  title: string
  username: string | null
  /** Unix seconds, as all of Telegram's dates. */
  createdAt: number
  creatorId: number
  pts: number
  lastMessageId: number
}

export interface Member {
  role: ChannelRole
  /** 0: the main list of chats, 1: the archive (https://core.telegram.org/api/folders#peer-folders). */
  folderId: number
  /** Rights that an administrator lacks. */
  lacks: readonly AdminRight[]
}

export interface ChannelStore {
  /** Makes a channel with its first message, a service message about its creation. */
  create: (options: { title: string; creatorId: number; createdAt: number }) => Channel
  find: (id: number) => Channel | null
  findByUsername: (username: string) => Channel | null
  member: (channelId: number, accountId: number) => Member | null
  setMember: (channelId: number, accountId: number, member: Member) => void
  removeMember: (channelId: number, accountId: number) => void
  memberCount: (channelId: number) => number
  /** The creator first, then administrators, then members, each in the order of joining. */
  members: (channelId: number) => { accountId: number; role: ChannelRole }[]
  channelsOf: (accountId: number) => { channelId: number; folderId: number }[]
  setUsername: (channelId: number, username: string | null) => void
}

interface ChannelRow {
  id: number
  title: string
  username: string | null
  created_at: number
  creator_id: number
  pts: number
  last_message_id: number
}

export function createChannelStore(database: Database, changes: ChangeStore): ChannelStore {
  const select = (where: string, value: string | number): Channel | null => {
    const row = database.get<ChannelRow>(`SELECT * FROM channels WHERE ${where} = ?`, value)
    return row ? toChannel(row) : null
  }

  function setMember(
    channelId: number,
    accountId: number,
    { role, folderId, lacks }: Member,
  ): void {
    database.transaction(() => {
      database.run(
        'INSERT OR REPLACE INTO members (channel_id, account_id, role, folder_id) VALUES (?, ?, ?, ?)',
        ...[channelId, accountId, role, folderId],
      )
      database.run(
        'DELETE FROM missing_rights WHERE account_id = ? AND channel_id = ?',
        ...[accountId, channelId],
      )
      for (const right of new Set(lacks))
        database.run(
          'INSERT INTO missing_rights (channel_id, account_id, missing) VALUES (?, ?, ?)',
          ...[channelId, accountId, right],
        )
    })
  }

  const lacksOf = (channelId: number, accountId: number): AdminRight[] =>
    database
      .all<{ missing: AdminRight }>(
        'SELECT missing FROM missing_rights WHERE account_id = ? AND channel_id = ?',
        ...[accountId, channelId],
      )
      .map(({ missing }) => missing)

  return {
    create: ({ title, creatorId, createdAt }) =>
      database.transaction(() => {
        const id = randomInt(1_000_000_000, 3_000_000_000)
        database.run(
          'INSERT INTO channels VALUES (?, ?, NULL, ?, ?, 1, 1)',
          ...[id, title, createdAt, creatorId],
        )
        database.run(
          "INSERT INTO messages (channel_id, id, date, from_id, text) VALUES (?, 1, ?, ?, '')",
          ...[id, createdAt, creatorId],
        )
        const { pts } = changes.record({ channelId: id, kind: 'new', messageIds: [1] })
        setMember(id, creatorId, { role: 'creator', folderId: 0, lacks: [] })
        return { id, title, username: null, createdAt, creatorId, pts, lastMessageId: 1 }
      }),
    find: (id) => select('id', id),
    findByUsername: (username) => select('lower(username)', username.toLowerCase()),
    member: (channelId, accountId) => {
      const member = database.get<Omit<Member, 'lacks'>>(
        'SELECT role, folder_id AS folderId FROM members WHERE account_id = ? AND channel_id = ?',
        ...[accountId, channelId],
      )
      return member ? { ...member, lacks: lacksOf(channelId, accountId) } : null
    },
    setMember,
    removeMember: (channelId, accountId) => {
      database.run(
        'DELETE FROM members WHERE channel_id = ? AND account_id = ?',
        channelId,
        accountId,
      )
    },
    memberCount: (channelId) =>
      database.get<{ n: number }>(
        'SELECT count(*) AS n FROM members WHERE channel_id = ?',
        channelId,
      )?.n ?? 0,
    members: (channelId) =>
      database.all<{ accountId: number; role: ChannelRole }>(
        "SELECT account_id AS accountId, role FROM members WHERE channel_id = ? ORDER BY role = 'creator' DESC, role = 'admin' DESC, rowid",
        channelId,
      ),
    channelsOf: (accountId) =>
      database.all<{ channelId: number; folderId: number }>(
        'SELECT channel_id AS channelId, folder_id AS folderId FROM members WHERE account_id = ?',
        accountId,
      ),
    setUsername: (channelId, username) => {
      database.run('UPDATE channels SET username = ? WHERE id = ?', username, channelId)
    },
  }
}

function toChannel(row: ChannelRow): Channel {
  return {
    id: row.id,
    title: row.title,
    username: row.username,
    createdAt: row.created_at,
    creatorId: row.creator_id,
    pts: row.pts,
    lastMessageId: row.last_message_id,
  }
}
