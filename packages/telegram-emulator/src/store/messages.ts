import type { TlObject } from '../types.ts'
import type { Change, ChangeStore } from './changes.ts'
import type { Database } from './database.ts'
import type { DocumentKind } from './documents.ts'
import { fromTlJson, toTlJson } from './tl-json.ts'

/** The options of a message, besides its text and media. */
export interface MessageDetails {
  silent?: boolean | undefined
  noforwards?: boolean | undefined
  invertMedia?: boolean | undefined
  spoiler?: boolean | undefined
  videoTimestamp?: number | undefined
  /** A messageReplyHeader. */
  replyTo?: TlObject | undefined
  entities?: TlObject[] | undefined
  /** When the message was last edited. */
  editDate?: number | undefined
  /** The album of which the message is a part; a 64-bit id. */
  groupedId?: bigint | undefined
  /** A messageFwdHeader. */
  forward?: TlObject | undefined
}

export interface Message {
  channelId: number
  /** Counts up by one per channel and is never used again. */
  id: number
  date: number
  fromId: number
  text: string
  /** Null for text, and for the service message about the channel's creation. */
  documentId: string | null
  details: MessageDetails
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
  /** Documents of these kinds alone; null: of any. */
  kinds: readonly DocumentKind[] | null
  /** Only messages after and before these dates; 0: no limit. */
  minDate: number
  maxDate: number
  text: string
}

/** A message with the change that wrote it. */
export interface WrittenMessage {
  message: Message
  change: Change
}

export interface MessageStore {
  /** Appends a message; keeps the random id with it, in one transaction. */
  append: (message: Omit<Message, 'id'>, randomId: string | null) => WrittenMessage
  /** Replaces text, document and details of a message. */
  edit: (message: Message) => WrittenMessage
  find: (channelId: number, id: number) => Message | null
  newest: (channelId: number) => Message | null
  /** The messages with ids from `first` to `last`, oldest first. */
  between: (channelId: number, first: number, last: number) => Message[]
  history: (query: HistoryQuery) => { messages: Message[]; count: number }
  /** Returns null when there are no such messages. */
  delete: (channelId: number, ids: readonly number[]) => Change | null
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
  details: string | null
}

/** Messages with how they were sent. */
const MESSAGES = 'messages LEFT JOIN message_details USING (channel_id, id)'

export function createMessageStore(database: Database, changes: ChangeStore): MessageStore {
  const one = (sql: string, ...values: (string | number)[]): Message | null => {
    const row = database.get<MessageRow>(sql, ...values)
    return row ? toMessage(row) : null
  }

  return {
    append: ({ channelId, date, fromId, text, documentId, details }, randomId) =>
      database.transaction(() => {
        const next = database.get<{ id: number }>(
          'UPDATE channels SET last_message_id = last_message_id + 1 WHERE id = ? RETURNING last_message_id AS id',
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
        database.run(
          'INSERT INTO message_details VALUES (?, ?, ?)',
          ...[channelId, id, toTlJson(details)],
        )
        return {
          message: { channelId, id, date, fromId, text, documentId, details },
          change: changes.record({ channelId, kind: 'new', messageIds: [id] }),
        }
      }),
    edit: (message) =>
      database.transaction(() => {
        const { channelId, id, text, documentId, details } = message
        database.run(
          'UPDATE messages SET text = ?, document_id = ? WHERE channel_id = ? AND id = ?',
          ...[text, documentId, channelId, id],
        )
        database.run(
          'INSERT OR REPLACE INTO message_details VALUES (?, ?, ?)',
          ...[channelId, id, toTlJson(details)],
        )
        return { message, change: changes.record({ channelId, kind: 'edit', messageIds: [id] }) }
      }),
    find: (channelId, id) =>
      one(`SELECT * FROM ${MESSAGES} WHERE channel_id = ? AND id = ?`, channelId, id),
    newest: (channelId) =>
      one(`SELECT * FROM ${MESSAGES} WHERE channel_id = ? ORDER BY id DESC LIMIT 1`, channelId),
    between: (channelId, first, last) =>
      database
        .all<MessageRow>(
          `SELECT * FROM ${MESSAGES} WHERE channel_id = ? AND id BETWEEN ? AND ? ORDER BY id`,
          ...[channelId, first, last],
        )
        .map(toMessage),
    history: (query) => selectHistory(database, query),
    delete: (channelId, ids) =>
      database.transaction(() => {
        const deleted = [...new Set(ids)].filter((id) => {
          database.run('DELETE FROM message_details WHERE channel_id = ? AND id = ?', channelId, id)
          return database.run(
            'DELETE FROM messages WHERE channel_id = ? AND id = ?',
            ...[channelId, id],
          )
        })
        if (deleted.length === 0) return null
        return changes.record({ channelId, kind: 'delete', messageIds: deleted })
      }),
    findByRandomId: (accountId, randomId) =>
      one(
        `SELECT messages.*, details FROM ${MESSAGES} JOIN random_ids ON random_ids.channel_id = messages.channel_id AND random_ids.message_id = messages.id WHERE account_id = ? AND random_id = ?`,
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

/** A search for one finds it as a whole word, and finds no names of files. */
const HASHTAG = /^#\w+$/

/** Newest first, with Telegram's offsets (https://core.telegram.org/api/offsets). */
function selectHistory(
  database: Database,
  query: HistoryQuery,
): { messages: Message[]; count: number } {
  const { channelId, offsetId, offsetDate, addOffset, limit, minId, maxId } = query
  const { minDate, maxDate, kinds } = query
  const kindOf =
    "coalesce((SELECT kind FROM document_details WHERE document_details.document_id = messages.document_id), 'document')"
  const matching = `channel_id = ? AND (? = 0 OR document_id IS NOT NULL) AND (? = '' OR instr(?, ${kindOf}) > 0) AND (? = 0 OR date > ?) AND (? = 0 OR date < ?) AND (? = '' OR ' ' || lower(text) || ' ' GLOB ?) AND (? = '' OR text LIKE ? OR document_id IN (SELECT id FROM documents WHERE file_name LIKE ?))`
  const hashtag = HASHTAG.test(query.text) ? query.text.toLowerCase() : ''
  const words = hashtag === '' ? query.text : ''
  const like = `%${words.replaceAll(/[%_]/g, '')}%`
  const wantedKinds = kinds?.join(' ') ?? ''
  const values = [
    ...[channelId, query.documentsOnly ? 1 : 0, wantedKinds, wantedKinds],
    ...[minDate, minDate, maxDate, maxDate],
    ...[hashtag, `*[^a-z0-9_]${hashtag}[^a-z0-9_]*`, words, like, like],
  ]
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
    `SELECT * FROM (SELECT * FROM ${MESSAGES} WHERE ${matching} ORDER BY id DESC LIMIT ? OFFSET ?) WHERE id > ? AND (? = 0 OR id < ?)`,
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
    // The edge: `append` wrote the column.
    details: (row.details === null ? {} : fromTlJson(row.details)) as MessageDetails,
  }
}
