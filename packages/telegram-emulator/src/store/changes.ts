import type { Database } from './database.ts'

export type ChangeKind = 'new' | 'edit' | 'delete'

/** One change of a channel, as its log keeps it (https://core.telegram.org/api/updates). */
export interface Change {
  channelId: number
  kind: ChangeKind
  /** One message that is new or was edited, or all that were deleted together. */
  messageIds: number[]
  /** The channel's pts after the change. */
  pts: number
  /** By how much the change advanced it: one for each message. */
  ptsCount: number
}

export interface ChangeStore {
  /** Advances the channel's pts and adds the change to the log. */
  record: (change: Pick<Change, 'channelId' | 'kind' | 'messageIds'>) => Change
  /**
   * Returns the changes after `pts`, oldest first, at most `limit` of them; null when the log no
   * longer reaches back so far.
   */
  since: (channelId: number, pts: number, limit: number) => Change[] | null
}

interface ChangeRow {
  channel_id: number
  kind: ChangeKind
  message_ids: string
  pts: number
  pts_count: number
}

/** Keeps each channel's last changes: the last `logLength` counts of its pts. */
export function createChangeStore(database: Database, logLength: () => number): ChangeStore {
  return {
    record: ({ channelId, kind, messageIds }) =>
      database.transaction(() => {
        const ptsCount = messageIds.length
        const row = database.get<{ pts: number }>(
          'UPDATE channels SET pts = pts + ? WHERE id = ? RETURNING pts',
          ...[ptsCount, channelId],
        )
        const pts = row?.pts ?? 0
        database.run(
          'INSERT INTO changes (channel_id, pts, pts_count, kind, message_ids) VALUES (?, ?, ?, ?, ?)',
          ...[channelId, pts, ptsCount, kind, JSON.stringify(messageIds)],
        )
        database.run(
          'DELETE FROM changes WHERE channel_id = ? AND pts <= ?',
          ...[channelId, pts - logLength()],
        )
        return { channelId, kind, messageIds, pts, ptsCount }
      }),
    since: (channelId, pts, limit) => {
      const oldest = database.get<{ start: number | null }>(
        'SELECT min(pts - pts_count) AS start FROM changes WHERE channel_id = ?',
        channelId,
      )
      if (oldest?.start == null || pts < oldest.start) return null
      return database
        .all<ChangeRow>(
          'SELECT * FROM changes WHERE channel_id = ? AND pts > ? ORDER BY pts LIMIT ?',
          ...[channelId, pts, limit],
        )
        .map(toChange)
    },
  }
}

function toChange(row: ChangeRow): Change {
  return {
    channelId: row.channel_id,
    kind: row.kind,
    // The edge: `record` wrote the column.
    messageIds: JSON.parse(row.message_ids) as number[],
    pts: row.pts,
    ptsCount: row.pts_count,
  }
}
