import type { Log } from '../../core/ports/log.ts'
import { StartUpError } from '../../errors.ts'
import { integer } from '../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries } from './database.ts'

/**
 * One entry per version, never changed once released. Nodes of the version before go on working
 * while it runs and after it: an entry adds, and takes nothing away that they use.
 *
 * Flags are numbers, as in SQLite, so that one set of functions reads both ledgers' rows. Names are
 * compared by their bytes (`COLLATE "C"`), whatever the database's own order of text is. `number`
 * tells rows of one moment apart. `chunk_count` and `received_bytes` are kept by every statement that
 * writes chunks, and `freed_bytes` has the sizes of the first `freed_chunks` of them: two chunks that come at once do not see each other's rows, but both lock the upload's.
 */
const MIGRATIONS = [
  `
  CREATE TABLE uploads (
    id text PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    owner text NOT NULL,
    file_name text NOT NULL,
    mime_type text NOT NULL,
    size bigint NOT NULL,
    total_chunks bigint NOT NULL,
    chunk_size bigint,
    state text NOT NULL CHECK (state IN ('receiving', 'sealed', 'completed', 'failed')),
    cancelled integer NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    touched_at bigint NOT NULL,
    sealed_at bigint,
    finished_at bigint,
    message_id bigint,
    file_id text,
    reason text,
    last_percent integer,
    retry_at bigint,
    modified_at bigint,
    caption_id text NOT NULL,
    sha256 text,
    crc32 text,
    folder text NOT NULL,
    folder_id text,
    given_name text,
    replaces bigint,
    replaces_in text,
    volume_bytes bigint,
    posted_volumes bigint NOT NULL DEFAULT 0,
    volume_channel text,
    reserved bigint NOT NULL,
    token bytea,
    chunk_count bigint NOT NULL DEFAULT 0,
    received_bytes bigint NOT NULL DEFAULT 0,
    freed_chunks bigint NOT NULL DEFAULT 0,
    freed_bytes bigint NOT NULL DEFAULT 0
  );
  CREATE INDEX uploads_by_owner ON uploads (owner, created_at);
  CREATE INDEX uploads_by_state ON uploads (state, touched_at);
  CREATE INDEX uploads_of_volumes ON uploads (caption_id) WHERE volume_bytes IS NOT NULL;
  CREATE INDEX uploads_cancelled ON uploads (owner, finished_at) WHERE cancelled = 1;

  CREATE TABLE chunks (
    upload_id text NOT NULL REFERENCES uploads ON DELETE CASCADE,
    chunk_index bigint NOT NULL,
    size bigint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (upload_id, chunk_index)
  );

  CREATE TABLE streams (
    upload_id text PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    metadata text,
    concat text,
    told integer NOT NULL
  );

  CREATE TABLE transfers (
    upload_id text NOT NULL REFERENCES uploads ON DELETE CASCADE,
    volume bigint NOT NULL,
    road text NOT NULL,
    parts_holder text NOT NULL,
    file_id text NOT NULL,
    started_at bigint NOT NULL,
    document text,
    random_id text,
    newest_message_id bigint,
    post_attempts integer NOT NULL,
    PRIMARY KEY (upload_id, volume)
  );

  CREATE TABLE acknowledged_parts (
    upload_id text NOT NULL REFERENCES uploads ON DELETE CASCADE,
    volume bigint NOT NULL,
    bitmap bytea NOT NULL,
    PRIMARY KEY (upload_id, volume)
  );

  CREATE TABLE volumes (
    upload_id text NOT NULL REFERENCES uploads ON DELETE CASCADE,
    number bigint NOT NULL,
    message_id bigint NOT NULL,
    document_id text,
    file_id text,
    size bigint NOT NULL,
    crc32 text NOT NULL,
    hash_state bytea NOT NULL,
    PRIMARY KEY (upload_id, number)
  );

  CREATE TABLE volume_cleanups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    upload_id text NOT NULL,
    owner text NOT NULL,
    channel_id text NOT NULL,
    caption_id text NOT NULL,
    message_ids text NOT NULL,
    look_after bigint,
    token bytea
  );

  CREATE TABLE thumbnails (
    upload_id text PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    jpeg bytea NOT NULL
  );

  CREATE TABLE receipts (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id text NOT NULL UNIQUE,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    crc32 bytea NOT NULL
  );

  CREATE TABLE outbox (
    id text PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    upload_id text NOT NULL,
    payload text NOT NULL,
    attempts integer NOT NULL,
    due_at bigint NOT NULL,
    created_at bigint NOT NULL
  );
  CREATE INDEX outbox_by_due ON outbox (due_at);

  CREATE TABLE secrets (
    name text PRIMARY KEY,
    value bytea NOT NULL
  );

  CREATE TABLE ticket_epochs (
    holder text PRIMARY KEY,
    epoch bigint NOT NULL
  );

  CREATE TABLE ticket_tokens (
    token_id text PRIMARY KEY,
    holder text NOT NULL,
    token bytea NOT NULL,
    expires_at bigint NOT NULL
  );
  CREATE INDEX ticket_tokens_by_end ON ticket_tokens (expires_at);
  CREATE INDEX ticket_tokens_by_holder ON ticket_tokens (holder);

  CREATE TABLE archives (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    owner text NOT NULL,
    file_name text NOT NULL,
    entries bytea NOT NULL,
    expires_at bigint NOT NULL
  );
  CREATE INDEX archives_of_owner ON archives (owner);
  CREATE INDEX archives_by_end ON archives (expires_at);

  CREATE TABLE shares (
    id text PRIMARY KEY,
    holder text NOT NULL,
    channel_id text NOT NULL,
    content text NOT NULL,
    title text,
    password_salt text,
    password_hash text,
    max_downloads bigint,
    downloads bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint,
    last_used_at bigint
  );
  CREATE INDEX shares_by_holder ON shares (holder, created_at);

  CREATE TABLE share_visits (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    share_id text NOT NULL REFERENCES shares ON DELETE CASCADE,
    visit text NOT NULL,
    content text NOT NULL,
    counted_at bigint NOT NULL,
    UNIQUE (share_id, visit, content)
  );
  CREATE INDEX share_visits_by_age ON share_visits (counted_at);

  CREATE TABLE share_logins (
    holder text PRIMARY KEY,
    token bytea NOT NULL,
    ends_at bigint
  );

  CREATE TABLE clock (
    id integer PRIMARY KEY CHECK (id = 1),
    worker_time bigint NOT NULL,
    wall_time bigint NOT NULL
  );

  CREATE TABLE libraries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (id < 2097152),
    owner text NOT NULL,
    channel_id text NOT NULL,
    pts bigint,
    scan_pts bigint,
    scan_below bigint,
    scan_seen bigint,
    scan_total bigint,
    looked_at bigint,
    UNIQUE (owner, channel_id)
  );

  CREATE TABLE library_files (
    id bigint PRIMARY KEY,
    library bigint NOT NULL,
    folder bigint NOT NULL,
    name text NOT NULL,
    folded text COLLATE "C" NOT NULL,
    sort_name text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    mime_type text NOT NULL,
    kind text NOT NULL,
    posted_at bigint NOT NULL,
    edited_at bigint,
    modified_at bigint,
    sha256 bytea,
    crc32 bytea,
    measured integer NOT NULL,
    has_thumbnail integer NOT NULL,
    file_id text,
    thumbnail_id text,
    document_id text,
    caption_id bytea,
    volumes bigint
  );
  CREATE INDEX library_manifests ON library_files (library, caption_id) WHERE volumes IS NOT NULL;
  CREATE INDEX library_files_by_name ON library_files (library, sort_name, id);
  CREATE INDEX library_files_by_size ON library_files (library, size, id);
  CREATE INDEX library_files_in_folder ON library_files (folder, id);
  CREATE INDEX library_files_in_folder_by_name ON library_files (folder, sort_name, id);
  CREATE INDEX library_files_in_folder_by_size ON library_files (folder, size, id);

  CREATE TABLE library_volumes (
    id bigint PRIMARY KEY,
    library bigint NOT NULL,
    caption_id bytea NOT NULL,
    number bigint NOT NULL,
    volume_count bigint NOT NULL,
    size bigint NOT NULL,
    name text NOT NULL,
    posted_at bigint NOT NULL,
    edited_at bigint
  );
  CREATE INDEX library_volumes_of_file ON library_volumes (library, caption_id);

  CREATE TABLE library_folder_posts (
    id bigint PRIMARY KEY,
    library bigint NOT NULL,
    folder_id bytea NOT NULL,
    name text NOT NULL,
    parent_id bytea,
    edited_at bigint NOT NULL
  );
  CREATE INDEX library_folder_posts_by_folder ON library_folder_posts (library, folder_id);

  CREATE TABLE library_folders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    library bigint NOT NULL,
    folder_id bytea NOT NULL,
    shown bigint NOT NULL,
    parent bigint,
    name text NOT NULL,
    folded text COLLATE "C" NOT NULL,
    sort_name text COLLATE "C" NOT NULL,
    own_files bigint NOT NULL,
    own_bytes bigint NOT NULL,
    files bigint NOT NULL,
    bytes bigint NOT NULL,
    UNIQUE (library, folder_id)
  );
  CREATE INDEX library_folders_shown ON library_folders (shown);
  CREATE INDEX library_folders_in_folder ON library_folders (parent, sort_name, id);

  CREATE TABLE library_jobs (
    id text PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    owner text NOT NULL,
    channel_id text NOT NULL,
    kind text NOT NULL,
    target text,
    total bigint NOT NULL,
    done bigint NOT NULL,
    failed bigint NOT NULL,
    state text NOT NULL,
    reason text,
    created_at bigint NOT NULL,
    finished_at bigint,
    token bytea
  );
  CREATE INDEX library_jobs_by_owner ON library_jobs (owner, created_at);
  CREATE INDEX library_jobs_by_state ON library_jobs (state, finished_at);

  CREATE TABLE library_items (
    job_id text NOT NULL REFERENCES library_jobs ON DELETE CASCADE,
    position bigint NOT NULL,
    message_id bigint NOT NULL,
    is_folder integer NOT NULL,
    caption_id text,
    note text,
    settled integer NOT NULL,
    PRIMARY KEY (job_id, position)
  );

  CREATE TABLE library_item_volumes (
    job_id text NOT NULL REFERENCES library_jobs ON DELETE CASCADE,
    position bigint NOT NULL,
    number bigint NOT NULL,
    caption_id bytea NOT NULL,
    message_id bigint NOT NULL,
    note text,
    copy_id bigint,
    PRIMARY KEY (job_id, position, number)
  );
  CREATE INDEX library_item_volumes_of_file ON library_item_volumes (caption_id);

  CREATE TABLE library_folder_drafts (
    owner text NOT NULL,
    channel_id text NOT NULL,
    parent_id text NOT NULL,
    name text NOT NULL,
    folder_id text NOT NULL,
    note text,
    created_at bigint NOT NULL,
    PRIMARY KEY (owner, channel_id, parent_id, name)
  );
  `,
  // `run` is of the claim that counts: no other one has the same, of an upload before under the same id
  // neither. `carrier` is the node that has made it, and `account` the lease under which it did.
  `
  CREATE SEQUENCE upload_runs;
  ALTER TABLE uploads ADD COLUMN run bigint NOT NULL DEFAULT 0, ADD COLUMN carrier text,
    ADD COLUMN account text, ADD COLUMN not_before bigint;

  CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    incarnation text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
  );
  CREATE INDEX leases_by_incarnation ON leases (incarnation) WHERE until IS NOT NULL;

  CREATE TABLE nodes (
    address text PRIMARY KEY,
    incarnation text NOT NULL,
    seen_at timestamptz NOT NULL
  );
  `,
  // `token`: a hash of a download token.
  `
  CREATE TABLE download_ties (
    token text PRIMARY KEY,
    message_id bigint NOT NULL,
    until bigint NOT NULL
  );
  CREATE INDEX download_ties_by_end ON download_ties (until);

  CREATE TABLE library_news (
    owner text PRIMARY KEY,
    changes bigint NOT NULL
  );
  `,
]

export const SCHEMA_VERSION = MIGRATIONS.length

/** The oldest version of a node that can use this schema; goes up where an entry cannot but break it. */
const LEAST_VERSION = 1

/** Any number, the same at all nodes, that no other program takes in this database: "TSLG". */
const MIGRATION_LOCK = 0x54534c47

/**
 * Brings the schema to this version; several nodes may do it at once, one after another. Throws
 * StartUpError where it belongs to a version that this one does not work beside.
 */
export async function migrate(database: PostgresDatabase): Promise<void> {
  await database.transaction(async (queries) => {
    await queries.run('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const { version, least } = await versionIn(queries)
    if (least > SCHEMA_VERSION) {
      throw new StartUpError('The database belongs to a later version of the worker. Use that one')
    }
    if (version >= SCHEMA_VERSION) return
    for (const migration of MIGRATIONS.slice(version)) await queries.run(migration)
    await queries.run('UPDATE ledger_version SET version = $1, least = $2', [
      SCHEMA_VERSION,
      LEAST_VERSION,
    ])
  })
}

async function versionIn(queries: Queries): Promise<{ version: number; least: number }> {
  const table = await queries.get(`SELECT to_regclass('ledger_version') IS NOT NULL AS is_there`)
  if (table?.is_there !== true) {
    await queries.run(`
      CREATE TABLE ledger_version (version integer NOT NULL, least integer NOT NULL);
      INSERT INTO ledger_version VALUES (0, 0)`)
  }
  const row = await queries.get('SELECT version, least FROM ledger_version')
  if (!row) throw new StartUpError('The database has lost its ledger_version')
  return { version: integer(row, 'version'), least: integer(row, 'least') }
}

/**
 * Lets names be found by an index of three characters where the database has the extension pg_trgm,
 * which most hosts do. Without it a search reads all names of a library, and finds the same.
 */
export async function indexNames(database: PostgresDatabase, log: Log): Promise<void> {
  try {
    await database.transaction(async (queries) => {
      await queries.run('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
      await queries.run('CREATE EXTENSION IF NOT EXISTS pg_trgm')
      await queries.run(
        `CREATE INDEX IF NOT EXISTS library_files_by_trigrams
         ON library_files USING gin (folded gin_trgm_ops)`,
      )
    })
  } catch (error) {
    log.warn({ err: error }, 'the database has no pg_trgm: searches read all names of a library')
  }
}
