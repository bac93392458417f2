import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

/** One SQLite file, its statements prepared once. */
export interface Database {
  get: <Row>(sql: string, ...values: SQLInputValue[]) => Row | undefined
  all: <Row>(sql: string, ...values: SQLInputValue[]) => Row[]
  /** Returns how many rows changed. */
  run: (sql: string, ...values: SQLInputValue[]) => number
  /** Runs `work` whole or not at all. */
  transaction: <T>(work: () => T) => T
  close: () => void
}

// 64-bit ids are text: SQLite would hand them out as numbers that cannot hold them.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS auth_keys (
    id TEXT PRIMARY KEY, key BLOB NOT NULL, dc_id INTEGER NOT NULL,
    expires_at INTEGER, permanent_key_id TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS logins (
    auth_key_id TEXT PRIMARY KEY, account_id INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS dead_keys (auth_key_id TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS key_layers (
    auth_key_id TEXT PRIMARY KEY, layer INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS introduced_keys (auth_key_id TEXT PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, username TEXT UNIQUE,
    bot_token TEXT UNIQUE, premium INTEGER NOT NULL, dc_id INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS bundles (
    label TEXT PRIMARY KEY, user_id INTEGER, bot_id INTEGER, channel_id INTEGER NOT NULL,
    auth_key_id TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS channels (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, username TEXT UNIQUE, created_at INTEGER NOT NULL,
    creator_id INTEGER NOT NULL, pts INTEGER NOT NULL, last_message_id INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS members (
    channel_id INTEGER NOT NULL, account_id INTEGER NOT NULL, role TEXT NOT NULL,
    folder_id INTEGER NOT NULL, PRIMARY KEY (account_id, channel_id)) STRICT;
  CREATE TABLE IF NOT EXISTS missing_rights (
    channel_id INTEGER NOT NULL, account_id INTEGER NOT NULL, missing TEXT NOT NULL,
    PRIMARY KEY (account_id, channel_id, missing)) STRICT;
  CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, size INTEGER NOT NULL, mime_type TEXT NOT NULL, file_name TEXT NOT NULL,
    date INTEGER NOT NULL, dc_id INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS document_details (
    document_id TEXT PRIMARY KEY, kind TEXT NOT NULL, attributes TEXT NOT NULL,
    thumb BLOB, thumb_width INTEGER NOT NULL, thumb_height INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS message_details (
    channel_id INTEGER NOT NULL, id INTEGER NOT NULL, details TEXT NOT NULL,
    PRIMARY KEY (channel_id, id)) STRICT;
  CREATE TABLE IF NOT EXISTS messages (
    channel_id INTEGER NOT NULL, id INTEGER NOT NULL, date INTEGER NOT NULL,
    from_id INTEGER NOT NULL, text TEXT NOT NULL, document_id TEXT,
    PRIMARY KEY (channel_id, id)) STRICT;
  CREATE TABLE IF NOT EXISTS changes (
    channel_id INTEGER NOT NULL, pts INTEGER NOT NULL, pts_count INTEGER NOT NULL,
    kind TEXT NOT NULL, message_ids TEXT NOT NULL, PRIMARY KEY (channel_id, pts)) STRICT;
  CREATE TABLE IF NOT EXISTS random_ids (
    account_id INTEGER NOT NULL, random_id TEXT NOT NULL, channel_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL, PRIMARY KEY (account_id, random_id)) STRICT;
  CREATE INDEX IF NOT EXISTS random_ids_by_message ON random_ids (channel_id, message_id);
  CREATE TABLE IF NOT EXISTS uploads (
    account_id INTEGER NOT NULL, file_id TEXT NOT NULL, big INTEGER NOT NULL,
    total INTEGER NOT NULL, streamed INTEGER NOT NULL, part_size INTEGER NOT NULL,
    document_id TEXT, touched_at INTEGER NOT NULL, PRIMARY KEY (account_id, file_id)) STRICT;
  CREATE TABLE IF NOT EXISTS parts (
    account_id INTEGER NOT NULL, file_id TEXT NOT NULL, part INTEGER NOT NULL,
    size INTEGER NOT NULL, apart INTEGER NOT NULL, saved_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, file_id, part)) STRICT;
  CREATE TABLE IF NOT EXISTS blocks (hash TEXT PRIMARY KEY, refs INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS block_parts (
    account_id INTEGER NOT NULL, file_id TEXT NOT NULL, part INTEGER NOT NULL,
    hash TEXT NOT NULL, PRIMARY KEY (account_id, file_id, part)) STRICT;
  CREATE TABLE IF NOT EXISTS block_documents (
    document_id TEXT NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,
    hash TEXT NOT NULL, PRIMARY KEY (document_id, start)) STRICT, WITHOUT ROWID;
`

/** Opens (or makes) the database at `path`. */
export function openDatabase(path: string): Database {
  const sqlite = new DatabaseSync(path)
  sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
  sqlite.exec(SCHEMA)
  const statements = new Map<string, StatementSync>()

  function prepared(sql: string): StatementSync {
    const statement = statements.get(sql) ?? sqlite.prepare(sql)
    statements.set(sql, statement)
    return statement
  }

  return {
    // The edge: a row has the columns its query names, and STRICT tables keep their types.
    get: <Row>(sql: string, ...values: SQLInputValue[]) =>
      prepared(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SQLInputValue[]) => prepared(sql).all(...values) as Row[],
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    transaction: (work) => {
      if (sqlite.isTransaction) return work()
      sqlite.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        sqlite.exec('COMMIT')
        return result
      } catch (error) {
        sqlite.exec('ROLLBACK')
        throw error
      }
    },
    close: () => sqlite.close(),
  }
}
