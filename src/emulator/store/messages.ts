import type { Database } from './database.ts'

export interface Message {
  channelId: number
  /** Counts up by one per channel and is never used again. */
  id: number
  date: number
  fromId: number
  text: string
  /** Null for the message that says the channel was made. */
  documentId: string | null
}

export interface HistoryQuery {
  channelId: number
  /** Messages older than this one; 0: from the newest. */
  offsetId: number
  offsetDate: number
  addOffset: number
  limit: number
  minId: number
  maxId: number
  documentsOnly: boolean
  text: string
}

export interface MessageStore {
  /** Appends a message; the random id is remembered with it, in one transaction. */
  append: (message: Omit<Message, 'id'>, randomId: string | null) => Message
  find: (channelId: number, id: number) => Message | null
  newest: (channelId: number) => Message | null
  history: (query: HistoryQuery) => { messages: Message[]; count: number }
  /** Returns how many there were to delete. */
  delete: (channelId: number, ids: readonly number[]) => number
  findByRandomId: (accountId: number, randomId: string) => Message | null
  isRandomIdUsed: (accountId: number, randomId: string) => boolean
  randomIdOf: (channelId: number, id: number) => string | null
  forgetRandomIds: () => void
}

interface MessageRow {
  channel_id: number
  id: number
  date: number
  from_id: number
  text: string
  document_id: string | null
}

export function createMessageStore(database: Database): MessageStore {
  const one = (sql: string, ...values: (string | number)[]): Message | null => {
    const row = database.get<MessageRow>(sql, ...values)
    return row ? toMessage(row) : null
  }

  return {
    append: ({ channelId, date, fromId, text, documentId }, randomId) =>
      database.transaction(() => {
        const next = database.get<{ id: number }>(
          'UPDATE channels SET last_message_id = last_message_id + 1, pts = pts + 1 WHERE id = ? RETURNING last_message_id AS id',
          channelId,
        )
        const id = next?.id ?? 0
        database.run(
          'INSERT INTO messages (channel_id, id, date, from_id, text, document_id) VALUES (?, ?, ?, ?, ?, ?)',
          ...[channelId, id, date, fromId, text, documentId],
        )
        if (randomId !== null)
          database.run(
            'INSERT INTO random_ids VALUES (?, ?, ?, ?)',
            fromId,
            randomId,
            channelId,
            id,
          )
        return { channelId, id, date, fromId, text, documentId }
      }),
    find: (channelId, id) =>
      one('SELECT * FROM messages WHERE channel_id = ? AND id = ?', channelId, id),
    newest: (channelId) =>
      one('SELECT * FROM messages WHERE channel_id = ? ORDER BY id DESC LIMIT 1', channelId),
    history: (query) => selectHistory(database, query),
    delete: (channelId, ids) =>
      database.transaction(() => {
        let deleted = 0
        for (const id of ids)
          deleted += database.run(
            'DELETE FROM messages WHERE channel_id = ? AND id = ?',
            channelId,
            id,
          )
        return deleted
      }),
    findByRandomId: (accountId, randomId) =>
      one(
        'SELECT messages.* FROM messages JOIN random_ids ON random_ids.channel_id = messages.channel_id AND random_ids.message_id = messages.id WHERE account_id = ? AND random_id = ?',
        ...[accountId, randomId],
      ),
    isRandomIdUsed: (accountId, randomId) =>
      database.get(
        'SELECT 1 AS used FROM random_ids WHERE account_id = ? AND random_id = ?',
        accountId,
        randomId,
      ) !== undefined,
    randomIdOf: (channelId, id) =>
      database.get<{ random_id: string }>(
        'SELECT random_id FROM random_ids WHERE channel_id = ? AND message_id = ?',
        ...[channelId, id],
      )?.random_id ?? null,
    forgetRandomIds: () => void database.run('DELETE FROM random_ids'),
  }
}

/** Newest first, with Telegram's offsets (https://core.telegram.org/api/offsets). */
function selectHistory(
  database: Database,
  query: HistoryQuery,
): { messages: Message[]; count: number } {
  const { channelId, offsetId, offsetDate, addOffset, limit, minId, maxId } = query
  const matching = `channel_id = ? AND (? = 0 OR document_id IS NOT NULL) AND (? = '' OR text LIKE ? OR document_id IN (SELECT id FROM documents WHERE file_name LIKE ?))`
  const like = `%${query.text.replaceAll(/[%_]/g, '')}%`
  const values = [channelId, query.documentsOnly ? 1 : 0, query.text, like, like]
  const count = database.get<{ n: number }>(
    `SELECT count(*) AS n FROM messages WHERE ${matching}`,
    ...values,
  )
  const before = offsetId > 0 ? offsetId : Number.MAX_SAFE_INTEGER
  const newer = database.get<{ n: number }>(
    `SELECT count(*) AS n FROM messages WHERE ${matching} AND (id >= ? OR (? > 0 AND date >= ?))`,
    ...[...values, before, offsetDate, offsetDate],
  )
  const rows = database.all<MessageRow>(
    `SELECT * FROM (SELECT * FROM messages WHERE ${matching} ORDER BY id DESC LIMIT ? OFFSET ?) WHERE id > ? AND (? = 0 OR id < ?)`,
    ...[...values, limit, Math.max(0, (newer?.n ?? 0) + addOffset), minId, maxId, maxId],
  )
  return { messages: rows.map(toMessage), count: count?.n ?? 0 }
}

function toMessage(row: MessageRow): Message {
  return {
    channelId: row.channel_id,
    id: row.id,
    date: row.date,
    fromId: row.from_id,
    text: row.text,
    documentId: row.document_id,
  }
}
