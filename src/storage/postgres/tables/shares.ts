import type { KnownShare, ShareLogin, ShareRecords } from '../../../core/ports/shares.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { blob, type Fields, integer, integerOrNull } from '../../ledger/tables/rows.ts'
import {
  fromPassword,
  fromShare,
  MAX_VISITS,
  shareLoginPurpose,
  toShare,
} from '../../ledger/tables/shares.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { lockShares } from '../locks.ts'

/** A share has its own end, and the owner's login has one, which holds for all of their shares. */
const OPEN = `ended_at IS NULL AND expires_at > $1 AND EXISTS (
  SELECT 1 FROM share_logins WHERE share_logins.holder = shares.holder
    AND (ends_at IS NULL OR ends_at > $1))`

const COLUMNS = `shares.*, (share_logins.holder IS NOT NULL)::integer AS has_login,
  ends_at AS login_ends_at
  FROM shares LEFT JOIN share_logins USING (holder)`
// What nobody can open any more needs no password.
const ENDED = 'ended_at = $1, password_salt = NULL, password_hash = NULL'

export function createShareRecords(database: PostgresDatabase, cipher: LedgerCipher): ShareRecords {
  function tokenOf(holder: string, row: Fields): string | null {
    return cipher.decrypt(shareLoginPurpose(holder), blob(row, 'token'))?.toString('utf8') ?? null
  }

  /** The caller has locked the holder's shares. */
  async function keepLogin(
    queries: Queries,
    holder: string,
    { token, endsAt }: ShareLogin,
  ): Promise<void> {
    const row = await findLogin(queries, holder)
    const known = row ? integerOrNull(row, 'ends_at') : null
    if (known !== null && endsAt !== null && endsAt < known) return
    if (row && known === endsAt && tokenOf(holder, row) === token) return
    await queries.run(
      `INSERT INTO share_logins (holder, token, ends_at) VALUES ($1, $2, $3)
       ON CONFLICT (holder) DO UPDATE SET token = excluded.token, ends_at = excluded.ends_at`,
      [holder, cipher.encrypt(shareLoginPurpose(holder), Buffer.from(token)), endsAt],
    )
  }

  return {
    findShare: (id) => findShare(database, id),
    sharesOf: async (holder, now) => {
      const rows = await database.all(
        `SELECT ${COLUMNS} WHERE shares.holder = $1
         ORDER BY (ended_at IS NULL AND expires_at > $2) DESC, created_at DESC, id COLLATE "C"`,
        [holder, now],
      )
      return rows.map(toShare)
    },
    openShare: async (share, login, { maxOpen, keepEnded }) =>
      database.transaction(async (queries) => {
        const { holder, createdAt } = share
        await lockShares(queries, holder)
        const row = await queries.get(
          `SELECT count(*) AS n FROM shares
           WHERE holder = $1 AND ended_at IS NULL AND expires_at > $2`,
          [holder, createdAt],
        )
        if (row && integer(row, 'n') >= maxOpen) return false
        await queries.run(
          `INSERT INTO shares (id, holder, channel_id, content, title, password_salt, password_hash,
             max_downloads, created_at, expires_at, downloads)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
          fromShare(share),
        )
        await queries.run(
          `DELETE FROM shares WHERE id IN (
             SELECT id FROM shares WHERE holder = $1 AND (ended_at IS NOT NULL OR expires_at <= $2)
             ORDER BY least(ended_at, expires_at) DESC, id COLLATE "C" OFFSET $3)`,
          [holder, createdAt, keepEnded],
        )
        await keepLogin(queries, holder, login)
        return true
      }),
    changeShare: async (id, holder, changed) =>
      database.transaction(async (queries) => {
        await queries.run('SELECT 1 FROM shares WHERE id = $1 FOR UPDATE', [id])
        const before = await findShare(queries, id)
        if (before?.holder !== holder || before.endedAt !== null) return null
        const { title, password, maxDownloads, expiresAt } = { ...before, ...changed }
        await queries.run(
          `UPDATE shares SET title = $1, password_salt = $2, password_hash = $3, max_downloads = $4,
             expires_at = $5 WHERE id = $6`,
          [title, ...fromPassword(password), maxDownloads, expiresAt, id],
        )
        return findShare(queries, id)
      }),
    endShare: async (id, holder, now) => {
      if ((await findShare(database, id))?.holder !== holder) return false
      const sql = `UPDATE shares SET ${ENDED} WHERE id = $2 AND ended_at IS NULL`
      await database.run(sql, [now, id])
      return true
    },
    countDownload: async ({ id, visit, content, visitMs, now }) =>
      database.transaction(async (queries) => {
        const row = await queries.get(
          `SELECT max_downloads, downloads FROM shares WHERE id = $2 AND ${OPEN} FOR UPDATE OF shares`,
          [now, id],
        )
        if (!row) return 'ended'
        if (visit !== null) {
          const known = await queries.get(
            `SELECT 1 AS found FROM share_visits
             WHERE share_id = $1 AND visit = $2 AND content = $3 AND counted_at > $4`,
            [id, visit, content, now - visitMs],
          )
          if (known) return 'repeated'
        }
        const max = integerOrNull(row, 'max_downloads')
        if (max !== null && integer(row, 'downloads') >= max) return 'used-up'
        await queries.run(
          'UPDATE shares SET downloads = downloads + 1, last_used_at = $1 WHERE id = $2',
          [now, id],
        )
        if (visit !== null) {
          // A new number: this visit is the newest now.
          await queries.run(
            'DELETE FROM share_visits WHERE share_id = $1 AND visit = $2 AND content = $3',
            [id, visit, content],
          )
          await queries.run(
            `INSERT INTO share_visits (share_id, visit, content, counted_at)
             VALUES ($1, $2, $3, $4)`,
            [id, visit, content, now],
          )
          await queries.run(
            `DELETE FROM share_visits
             WHERE number <= (SELECT max(number) FROM share_visits) - $1::bigint`,
            [MAX_VISITS],
          )
        }
        return 'counted'
      }),
    hasVisited: async ({ id, visit, visitMs, now }) => {
      const row = await database.get(
        `SELECT 1 AS found FROM share_visits
         WHERE share_id = $1 AND visit = $2 AND counted_at > $3 LIMIT 1`,
        [id, visit, now - visitMs],
      )
      return row !== undefined
    },
    keepShareLogin: async (holder, login) => {
      // Nothing to write for an owner without shares, and so for most logins.
      if (!(await findLogin(database, holder))) return
      await database.transaction(async (queries) => {
        await lockShares(queries, holder)
        await keepLogin(queries, holder, login)
      })
    },
    shareToken: async (holder) => {
      const row = await findLogin(database, holder)
      return row ? tokenOf(holder, row) : null
    },
    endShareLogin: async (holder, token, now) =>
      database.transaction(async (queries) => {
        await lockShares(queries, holder)
        const row = await findLogin(queries, holder)
        if (!row || tokenOf(holder, row) !== token) return
        await queries.run('UPDATE share_logins SET ends_at = $1 WHERE holder = $2', [now, holder])
      }),
    openShares: async (now) => {
      const row = await database.get(`SELECT count(*) AS n FROM shares WHERE ${OPEN}`, [now])
      return row ? integer(row, 'n') : 0
    },
    forgetShares: async ({ visits, ended }) =>
      database.transaction(async (queries) => {
        await queries.run('DELETE FROM share_visits WHERE counted_at <= $1', [visits])
        await queries.run('DELETE FROM shares WHERE least(ended_at, expires_at) <= $1', [ended])
        await queries.run(
          `DELETE FROM share_logins WHERE NOT EXISTS (SELECT 1 FROM shares
             WHERE shares.holder = share_logins.holder AND ended_at IS NULL)`,
        )
      }),
  }
}

/** Ends all shares of a holder and forgets the login behind them, inside the caller's transaction. */
export async function endSharesOf(queries: Queries, holder: string, now: number): Promise<void> {
  await lockShares(queries, holder)
  await queries.run(`UPDATE shares SET ${ENDED} WHERE holder = $2 AND ended_at IS NULL`, [
    now,
    holder,
  ])
  await queries.run('DELETE FROM share_logins WHERE holder = $1', [holder])
}

async function findShare(queries: Queries, id: string): Promise<KnownShare | null> {
  const row = await queries.get(`SELECT ${COLUMNS} WHERE id = $1`, [id])
  return row ? toShare(row) : null
}

function findLogin(queries: Queries, holder: string): Promise<Fields | undefined> {
  return queries.get('SELECT token, ends_at FROM share_logins WHERE holder = $1', [holder])
}
