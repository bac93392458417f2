import type {
  KnownShare,
  Share,
  ShareContent,
  ShareLogin,
  SharePassword,
  ShareRecords,
} from '../../../core/ports/shares.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import type { LedgerCipher } from '../secrets/cipher.ts'
import type { Synchronous } from '../synchronous.ts'
import {
  blob,
  type Fields,
  integer,
  integerOrNull,
  oneOf,
  parseObject,
  text,
  textOrNull,
} from './rows.ts'

/** Visits that are kept, the newest: a crowd without cookies must not fill the disk. */
export const MAX_VISITS = 500_000

/** A share has its own end, and the owner's login has one, which holds for all of their shares. */
const OPEN = `ended_at IS NULL AND expires_at > ?1 AND EXISTS (
  SELECT 1 FROM share_logins WHERE share_logins.holder = shares.holder
    AND (ends_at IS NULL OR ends_at > ?1))`

const COLUMNS = `shares.*, share_logins.holder IS NOT NULL AS has_login, ends_at AS login_ends_at
  FROM shares LEFT JOIN share_logins USING (holder)`

export interface ShareTables extends Synchronous<ShareRecords> {
  /** Ends all shares of a holder and forgets the login behind them, inside the caller's transaction. */
  endSharesOf: (holder: string, now: number) => void
}

export function createShareRecords(database: LedgerDatabase, cipher: LedgerCipher): ShareTables {
  const find = database.prepare(`SELECT ${COLUMNS} WHERE id = ?`)
  const ofHolder = database.prepare(
    `SELECT ${COLUMNS} WHERE shares.holder = ?1
     ORDER BY ended_at IS NULL AND expires_at > ?2 DESC, created_at DESC, id`,
  )
  const countOpen = database.prepare(
    `SELECT count(*) AS n FROM shares
     WHERE holder = ? AND ended_at IS NULL AND expires_at > ?`,
  )
  const insert = database.prepare(
    `INSERT INTO shares (id, holder, channel_id, content, title, password_salt, password_hash,
       max_downloads, created_at, expires_at, downloads)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
  )
  const forgetEnded = database.prepare(
    `DELETE FROM shares WHERE id IN (
       SELECT id FROM shares WHERE holder = ?1 AND (ended_at IS NOT NULL OR expires_at <= ?2)
       ORDER BY min(coalesce(ended_at, expires_at), expires_at) DESC, id LIMIT -1 OFFSET ?3)`,
  )
  const change = database.prepare(
    `UPDATE shares SET title = ?, password_salt = ?, password_hash = ?, max_downloads = ?,
       expires_at = ? WHERE id = ?`,
  )
  // What nobody can open any more needs no password.
  const ENDED = 'ended_at = ?1, password_salt = NULL, password_hash = NULL'
  const end = database.prepare(`UPDATE shares SET ${ENDED} WHERE id = ?2 AND ended_at IS NULL`)
  const endAll = database.prepare(
    `UPDATE shares SET ${ENDED} WHERE holder = ?2 AND ended_at IS NULL`,
  )
  const isOpen = database.prepare(
    `SELECT max_downloads, downloads FROM shares WHERE id = ?2 AND ${OPEN}`,
  )
  const count = database.prepare(
    'UPDATE shares SET downloads = downloads + 1, last_used_at = ? WHERE id = ?',
  )
  const findVisit = database.prepare(
    `SELECT 1 FROM share_visits
     WHERE share_id = ? AND visit = ? AND content = ? AND counted_at > ?`,
  )
  const findAnyVisit = database.prepare(
    'SELECT 1 FROM share_visits WHERE share_id = ? AND visit = ? AND counted_at > ?',
  )
  const addVisit = database.prepare(
    `INSERT OR REPLACE INTO share_visits (share_id, visit, content, counted_at)
     VALUES (?, ?, ?, ?)`,
  )
  const forgetSurplus = database.prepare(
    'DELETE FROM share_visits WHERE number <= (SELECT max(number) FROM share_visits) - ?',
  )
  const forgetVisits = database.prepare('DELETE FROM share_visits WHERE counted_at <= ?')
  const forget = database.prepare(
    'DELETE FROM shares WHERE min(coalesce(ended_at, expires_at), expires_at) <= ?',
  )
  const forgetLogins = database.prepare(
    'DELETE FROM share_logins WHERE holder NOT IN (SELECT holder FROM shares WHERE ended_at IS NULL)',
  )
  const forgetLogin = database.prepare('DELETE FROM share_logins WHERE holder = ?')
  const findLogin = database.prepare('SELECT token, ends_at FROM share_logins WHERE holder = ?')
  const addLogin = database.prepare(
    'INSERT OR REPLACE INTO share_logins (holder, token, ends_at) VALUES (?, ?, ?)',
  )
  const endLogin = database.prepare('UPDATE share_logins SET ends_at = ? WHERE holder = ?')
  const countAllOpen = database.prepare(`SELECT count(*) AS n FROM shares WHERE ${OPEN}`)

  function tokenOf(holder: string, row: Row): string | null {
    return cipher.decrypt(shareLoginPurpose(holder), blob(row, 'token'))?.toString('utf8') ?? null
  }

  function keepLogin(holder: string, { token, endsAt }: ShareLogin): void {
    const row = findLogin.get(holder)
    const known = row ? integerOrNull(row, 'ends_at') : null
    if (known !== null && endsAt !== null && endsAt < known) return
    if (row && known === endsAt && tokenOf(holder, row) === token) return
    addLogin.run(holder, cipher.encrypt(shareLoginPurpose(holder), Buffer.from(token)), endsAt)
  }

  function findShare(id: string): KnownShare | null {
    const row = find.get(id)
    return row ? toShare(row) : null
  }

  /** A share of the holder that they have not ended. */
  function ownShare(id: string, holder: string): KnownShare | null {
    const share = findShare(id)
    return share?.holder === holder && share.endedAt === null ? share : null
  }

  return {
    findShare,
    sharesOf: (holder, now) => ofHolder.all(holder, now).map(toShare),
    openShare: (share, login, { maxOpen, keepEnded }) =>
      database.transaction(() => {
        const { holder, createdAt } = share
        const row = countOpen.get(holder, createdAt)
        if (row && integer(row, 'n') >= maxOpen) return false
        insert.run(...fromShare(share))
        forgetEnded.run(holder, createdAt, keepEnded)
        keepLogin(holder, login)
        return true
      }),
    changeShare: (id, holder, changed) =>
      database.transaction(() => {
        const before = ownShare(id, holder)
        if (before === null) return null
        const { title, password, maxDownloads, expiresAt } = { ...before, ...changed }
        change.run(title, ...fromPassword(password), maxDownloads, expiresAt, id)
        return findShare(id)
      }),
    endShare: (id, holder, now) => {
      if (findShare(id)?.holder !== holder) return false
      end.run(now, id)
      return true
    },
    endSharesOf: (holder, now) => {
      endAll.run(now, holder)
      forgetLogin.run(holder)
    },
    countDownload: ({ id, visit, content, visitMs, now }) => {
      const row = isOpen.get(now, id)
      if (!row) return 'ended'
      // Nothing to write: a film goes on while the disk takes nothing.
      if (visit !== null && findVisit.get(id, visit, content, now - visitMs)) return 'repeated'
      const max = integerOrNull(row, 'max_downloads')
      if (max !== null && integer(row, 'downloads') >= max) return 'used-up'
      database.transaction(() => {
        count.run(now, id)
        if (visit === null) return
        addVisit.run(id, visit, content, now)
        forgetSurplus.run(MAX_VISITS)
      })
      return 'counted'
    },
    hasVisited: ({ id, visit, visitMs, now }) =>
      findAnyVisit.get(id, visit, now - visitMs) !== undefined,
    keepShareLogin: (holder, login) => {
      // Nothing to write for an owner without shares, and so for most logins.
      if (!findLogin.get(holder)) return
      database.transaction(() => keepLogin(holder, login))
    },
    shareToken: (holder) => {
      const row = findLogin.get(holder)
      return row ? tokenOf(holder, row) : null
    },
    endShareLogin: (holder, token, now) =>
      database.transaction(() => {
        const row = findLogin.get(holder)
        if (row && tokenOf(holder, row) === token) endLogin.run(now, holder)
      }),
    openShares: (now) => {
      const row = countAllOpen.get(now)
      return row ? integer(row, 'n') : 0
    },
    forgetShares: ({ visits, ended }) =>
      database.transaction(() => {
        forgetVisits.run(visits)
        forget.run(ended)
        forgetLogins.run()
      }),
  }
}

/** What a login behind shares is encrypted for. */
export function shareLoginPurpose(holder: string): string {
  return `share-login:${holder}`
}

/** The columns of a new share, in the order of the table. */
export function fromShare(share: Share): (string | number | null)[] {
  const { id, holder, channelId, content, title, password, maxDownloads } = share
  const { createdAt, expiresAt } = share
  return [
    ...[id, holder, channelId, JSON.stringify(content), title],
    ...[...fromPassword(password), maxDownloads, createdAt, expiresAt],
  ]
}

export function fromPassword(password: SharePassword | null): [string | null, string | null] {
  return [password?.salt ?? null, password?.hash ?? null]
}

export function toShare(row: Fields): KnownShare {
  const salt = textOrNull(row, 'password_salt')
  return {
    id: text(row, 'id'),
    holder: text(row, 'holder'),
    channelId: text(row, 'channel_id'),
    content: toContent(text(row, 'content')),
    title: textOrNull(row, 'title'),
    password: salt === null ? null : { salt, hash: text(row, 'password_hash') },
    maxDownloads: integerOrNull(row, 'max_downloads'),
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    downloads: integer(row, 'downloads'),
    lastUsedAt: integerOrNull(row, 'last_used_at'),
    endedAt: integerOrNull(row, 'ended_at'),
    login: integer(row, 'has_login') === 1 ? { endsAt: integerOrNull(row, 'login_ends_at') } : null,
  }
}

function toContent(json: string): ShareContent {
  const value = parseObject(json)
  const kind = oneOf<ShareContent['kind']>(['files', 'folder'], text(value, 'kind'))
  if (kind === 'folder') return { kind, folderId: textOrNull(value, 'folderId') }
  const { messageIds } = value
  const ids: unknown[] = Array.isArray(messageIds) ? messageIds : []
  return { kind, messageIds: ids.filter((id) => typeof id === 'number') }
}
