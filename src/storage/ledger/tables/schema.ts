import type { DatabaseSync } from 'node:sqlite'
import { StartUpError } from '../../../errors.ts'

/** "TSLG": tells the ledger from any other SQLite file. */
export const APPLICATION_ID = 0x54534c47

/**
 * One entry per version, never changed once released: `user_version` counts those that were run.
 * What hangs on an upload goes with it; the outbox does not, its webhook is still owed.
 */
const MIGRATIONS = [
  `
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    file_name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    total_chunks INTEGER NOT NULL,
    chunk_size INTEGER,
    state TEXT NOT NULL CHECK (state IN ('receiving', 'sealed', 'completed', 'failed')),
    created_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    sealed_at INTEGER,
    finished_at INTEGER,
    message_id INTEGER,
    file_id TEXT,
    reason TEXT,
    token BLOB
  ) STRICT;
  CREATE INDEX uploads_by_owner ON uploads (owner, created_at);
  CREATE INDEX uploads_by_state ON uploads (state, touched_at);

  CREATE TABLE chunks (
    upload_id TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    chunk_index INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (upload_id, chunk_index)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE transfers (
    upload_id TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    road TEXT NOT NULL,
    parts_holder TEXT NOT NULL,
    file_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    document TEXT,
    random_id TEXT,
    newest_message_id INTEGER,
    post_attempts INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE acknowledged_parts (
    upload_id TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    bitmap BLOB NOT NULL
  ) STRICT;

  CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX outbox_by_due ON outbox (due_at);

  CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE ticket_epochs (
    holder TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE ticket_tokens (
    token_id TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token BLOB NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX ticket_tokens_by_end ON ticket_tokens (expires_at);
  `,
  `
  CREATE TABLE streams (
    upload_id TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    metadata TEXT,
    concat TEXT
  ) STRICT;
  `,
  `
  CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    worker_time INTEGER NOT NULL,
    wall_time INTEGER NOT NULL
  ) STRICT;
  `,
  // Those of an earlier version count as announced: a client may have them.
  `
  ALTER TABLE streams ADD COLUMN told INTEGER NOT NULL DEFAULT 1;
  `,
  // A cancelled upload is a failed one with a mark: the check of state cannot be widened.
  `
  ALTER TABLE uploads ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN last_percent INTEGER;
  CREATE INDEX uploads_cancelled ON uploads (owner, finished_at) WHERE cancelled = 1;
  `,
  `
  ALTER TABLE uploads ADD COLUMN retry_at INTEGER;
  `,
  // What an earlier version has begun is posted by this one: every row needs an id.
  `
  ALTER TABLE uploads ADD COLUMN modified_at INTEGER;
  ALTER TABLE uploads ADD COLUMN caption_id TEXT;
  UPDATE uploads SET caption_id = lower(hex(randomblob(16)));
  `,
  // The id of a message's row is library * 2^32 + message id, so a library's rows lie together, in the
  // order of their dates. `own_` counts what names the folder itself, `files` and `bytes` all that is
  // shown in it and below. A folder that is not shown itself is `shown` as another one.
  `
  CREATE TABLE libraries (
    id INTEGER PRIMARY KEY CHECK (id < 2097152),
    owner TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    pts INTEGER,
    scan_pts INTEGER,
    scan_below INTEGER,
    scan_seen INTEGER,
    scan_total INTEGER,
    looked_at INTEGER,
    UNIQUE (owner, channel_id)
  ) STRICT;

  CREATE TABLE library_files (
    id INTEGER PRIMARY KEY,
    library INTEGER NOT NULL,
    folder INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    sort_name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mime_type TEXT NOT NULL,
    kind TEXT NOT NULL,
    posted_at INTEGER NOT NULL,
    edited_at INTEGER,
    modified_at INTEGER,
    sha256 BLOB,
    crc32 BLOB,
    has_thumbnail INTEGER NOT NULL,
    caption_id BLOB
  ) STRICT;
  CREATE INDEX library_files_by_name ON library_files (library, sort_name);
  CREATE INDEX library_files_by_size ON library_files (library, size);
  CREATE INDEX library_files_in_folder ON library_files (folder);
  CREATE INDEX library_files_in_folder_by_name ON library_files (folder, sort_name);
  CREATE INDEX library_files_in_folder_by_size ON library_files (folder, size);
  CREATE VIRTUAL TABLE library_names USING fts5(folded, content='', contentless_delete=1,
    detail=none, tokenize='trigram case_sensitive 1');

  CREATE TABLE library_folder_posts (
    id INTEGER PRIMARY KEY,
    library INTEGER NOT NULL,
    folder_id BLOB NOT NULL,
    name TEXT NOT NULL,
    parent_id BLOB,
    edited_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX library_folder_posts_by_folder ON library_folder_posts (library, folder_id);

  CREATE TABLE library_folders (
    id INTEGER PRIMARY KEY,
    library INTEGER NOT NULL,
    folder_id BLOB NOT NULL,
    shown INTEGER NOT NULL,
    parent INTEGER,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    sort_name TEXT NOT NULL,
    own_files INTEGER NOT NULL,
    own_bytes INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (library, folder_id)
  ) STRICT;
  CREATE INDEX library_folders_shown ON library_folders (shown);
  CREATE INDEX library_folders_in_folder ON library_folders (parent, sort_name);
  `,
  `
  ALTER TABLE uploads ADD COLUMN sha256 TEXT;
  ALTER TABLE uploads ADD COLUMN crc32 TEXT;
  `,
  // What is known of documents outlives the uploads that have sent them.
  `
  CREATE TABLE receipts (
    number INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    crc32 BLOB NOT NULL
  ) STRICT;
  `,
  // What changes a library goes on after a restart, and its posts are made once. `given_name` is what
  // the sender calls a file that another one had the name of, and `replaces` the message that goes, of
  // the channel `replaces_in`.
  `
  ALTER TABLE uploads ADD COLUMN folder TEXT NOT NULL DEFAULT '/';
  ALTER TABLE uploads ADD COLUMN folder_id TEXT;
  ALTER TABLE uploads ADD COLUMN given_name TEXT;
  ALTER TABLE uploads ADD COLUMN replaces INTEGER;
  ALTER TABLE uploads ADD COLUMN replaces_in TEXT;

  CREATE TABLE library_jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    token BLOB
  ) STRICT;
  CREATE INDEX library_jobs_by_owner ON library_jobs (owner, created_at);
  CREATE INDEX library_jobs_by_state ON library_jobs (state, finished_at);

  CREATE TABLE library_items (
    job_id TEXT NOT NULL REFERENCES library_jobs ON DELETE CASCADE,
    position INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    is_folder INTEGER NOT NULL,
    caption_id TEXT,
    note TEXT,
    settled INTEGER NOT NULL,
    PRIMARY KEY (job_id, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE library_folder_drafts (
    owner TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    folder_id TEXT NOT NULL,
    note TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, channel_id, parent_id, name)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE library_files ADD COLUMN file_id TEXT;
  `,
  // Until the file is posted: a thumbnail goes to Telegram with it, also after a restart.
  `
  CREATE TABLE thumbnails (
    upload_id TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    jpeg BLOB NOT NULL
  ) STRICT;
  `,
  // Digests of rows that are here already count as claims until the row is written again.
  `
  ALTER TABLE library_files ADD COLUMN document_id TEXT;
  ALTER TABLE library_files ADD COLUMN measured INTEGER NOT NULL DEFAULT 0;
  `,
  // A transfer carries the document of one number: 0 is the only one of its upload, or the manifest of
  // its volumes. What is to be deleted in a channel outlives the upload that has left it there, and
  // keeps its token, encrypted as it was for the upload.
  `
  ALTER TABLE uploads ADD COLUMN volume_bytes INTEGER;
  ALTER TABLE uploads ADD COLUMN posted_volumes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN freed_chunks INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN volume_channel TEXT;
  ALTER TABLE uploads ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
  UPDATE uploads SET reserved = size;

  CREATE TABLE volumes (
    upload_id TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    number INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    document_id TEXT,
    file_id TEXT,
    size INTEGER NOT NULL,
    crc32 TEXT NOT NULL,
    hash_state BLOB NOT NULL,
    PRIMARY KEY (upload_id, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE volume_cleanups (
    id INTEGER PRIMARY KEY,
    upload_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    caption_id TEXT NOT NULL,
    message_ids TEXT NOT NULL,
    look_after INTEGER,
    token BLOB
  ) STRICT;

  CREATE TABLE numbered_transfers (
    upload_id TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    volume INTEGER NOT NULL,
    road TEXT NOT NULL,
    parts_holder TEXT NOT NULL,
    file_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    document TEXT,
    random_id TEXT,
    newest_message_id INTEGER,
    post_attempts INTEGER NOT NULL,
    PRIMARY KEY (upload_id, volume)
  ) STRICT;
  INSERT INTO numbered_transfers SELECT upload_id, 0, road, parts_holder, file_id, started_at,
    document, random_id, newest_message_id, post_attempts FROM transfers;
  DROP TABLE transfers;
  ALTER TABLE numbered_transfers RENAME TO transfers;

  CREATE TABLE numbered_parts (
    upload_id TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    volume INTEGER NOT NULL,
    bitmap BLOB NOT NULL,
    PRIMARY KEY (upload_id, volume)
  ) STRICT;
  INSERT INTO numbered_parts SELECT upload_id, 0, bitmap FROM acknowledged_parts;
  DROP TABLE acknowledged_parts;
  ALTER TABLE numbered_parts RENAME TO acknowledged_parts;
  `,
  `
  ALTER TABLE library_files ADD COLUMN thumbnail_id TEXT;
  `,
  // The number says which list was kept first. `entries` is compressed JSON.
  `
  CREATE TABLE archives (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    file_name TEXT NOT NULL,
    entries BLOB NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX archives_of_owner ON archives (owner);
  CREATE INDEX archives_by_end ON archives (expires_at);
  `,
  // A share's row names it, and does not open it: its address has an HMAC of the row's id. Visits say
  // what a visitor has had, so that it counts once.
  `
  CREATE TABLE shares (
    id TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    content TEXT NOT NULL,
    title TEXT,
    password_salt TEXT,
    password_hash TEXT,
    max_downloads INTEGER,
    downloads INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    last_used_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX shares_by_holder ON shares (holder, created_at);

  CREATE TABLE share_visits (
    number INTEGER PRIMARY KEY,
    share_id TEXT NOT NULL REFERENCES shares ON DELETE CASCADE,
    visit TEXT NOT NULL,
    content TEXT NOT NULL,
    counted_at INTEGER NOT NULL,
    UNIQUE (share_id, visit, content)
  ) STRICT;
  CREATE INDEX share_visits_by_age ON share_visits (counted_at);

  CREATE TABLE share_logins (
    holder TEXT PRIMARY KEY,
    token BLOB NOT NULL,
    ends_at INTEGER
  ) STRICT, WITHOUT ROWID;
  `,
  // The row of a manifest stands for its file: `volumes` counts those of its volumes that are known, and
  // its size is theirs. Of all other files it is NULL. The posts of such a file that an item of a job
  // copies or deletes are those of `library_item_volumes`; `caption_id` is that of what it makes or deletes.
  `
  ALTER TABLE library_files ADD COLUMN volumes INTEGER;
  CREATE INDEX library_manifests ON library_files (library, caption_id) WHERE volumes IS NOT NULL;

  CREATE TABLE library_volumes (
    id INTEGER PRIMARY KEY,
    library INTEGER NOT NULL,
    caption_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    volume_count INTEGER NOT NULL,
    size INTEGER NOT NULL,
    name TEXT NOT NULL,
    posted_at INTEGER NOT NULL,
    edited_at INTEGER
  ) STRICT;
  CREATE INDEX library_volumes_of_file ON library_volumes (library, caption_id);

  CREATE TABLE library_item_volumes (
    job_id TEXT NOT NULL REFERENCES library_jobs ON DELETE CASCADE,
    position INTEGER NOT NULL,
    number INTEGER NOT NULL,
    caption_id BLOB NOT NULL,
    message_id INTEGER NOT NULL,
    note TEXT,
    copy_id INTEGER,
    PRIMARY KEY (job_id, position, number)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX library_item_volumes_of_file ON library_item_volumes (caption_id);
  `,
  `
  CREATE INDEX uploads_of_volumes ON uploads (caption_id) WHERE volume_bytes IS NOT NULL;
  `,
]

/** What `user_version` says of a ledger of this version. */
export const SCHEMA_VERSION = MIGRATIONS.length

/** Brings the schema to this version. Throws when the file was written by a later one. */
export function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > SCHEMA_VERSION) {
    throw new StartUpError('The ledger was written by a later version of the worker. Use that one')
  }
  database.exec('BEGIN IMMEDIATE')
  try {
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
