import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { ArchiveList, ArchiveListEntry, ArchiveRecords } from '../../../core/ports/archives.ts'
import { MiB } from '../../../lib/units.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob, type Fields, text } from './rows.ts'

/** What lists take in the file: some 20 bytes for each entry. */
export const MAX_BYTES_OF_OWNER = 16 * MiB
export const MAX_BYTES = 128 * MiB
/** The fastest: it makes a quarter of what it is given. */
const LEVEL = 1

export function createArchiveRecords(database: LedgerDatabase): Synchronous<ArchiveRecords> {
  const put = database.prepare(
    `INSERT INTO archives (id, owner, file_name, entries, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, file_name = excluded.file_name,
       entries = excluded.entries, expires_at = max(expires_at, excluded.expires_at)`,
  )
  // The sums go from the newest back, and the newest itself always stays.
  const shrink = (where: string) =>
    database.prepare(
      `DELETE FROM archives WHERE number IN (
         SELECT number FROM (
           SELECT number, sum(length(entries)) OVER (ORDER BY number DESC) AS total,
             max(number) OVER () AS newest
           FROM archives ${where})
         WHERE total > ? AND number < newest)`,
    )
  const shrinkOwner = shrink('WHERE owner = ?')
  const shrinkAll = shrink('')
  const find = database.prepare('SELECT * FROM archives WHERE id = ? AND expires_at > ?')
  const forget = database.prepare('DELETE FROM archives WHERE expires_at <= ?')

  return {
    keepArchive: ({ id, owner, list, expiresAt }) =>
      database.transaction(() => {
        put.run(id, owner, list.fileName, encodeEntries(list.entries), expiresAt)
        shrinkOwner.run(owner, MAX_BYTES_OF_OWNER)
        shrinkAll.run(MAX_BYTES)
      }),
    findArchive: (id, now): ArchiveList | null => {
      const row = find.get(id, now)
      return row ? toArchive(row) : null
    },
    deleteExpiredArchives: (now) => void forget.run(now),
  }
}

export function toArchive(row: Fields): ArchiveList {
  return { fileName: text(row, 'file_name'), entries: decode(blob(row, 'entries')) }
}

export function encodeEntries(entries: readonly ArchiveListEntry[]): Buffer {
  const rows = entries.map(({ path, size, modifiedAt, crc32, messageId, documentId }) => {
    return [path, size, modifiedAt, crc32, messageId, documentId]
  })
  return deflateRawSync(JSON.stringify(rows), { level: LEVEL })
}

function decode(bytes: Buffer): ArchiveListEntry[] {
  const rows: unknown = JSON.parse(inflateRawSync(bytes).toString())
  if (!Array.isArray(rows)) throw new Error('a list of an archive is none')
  return rows.map(toEntry)
}

function toEntry(row: unknown): ArchiveListEntry {
  const [path, size, modifiedAt, crc32, messageId, documentId]: unknown[] = Array.isArray(row)
    ? row
    : []
  return {
    path: String(path),
    size: Number(size),
    modifiedAt: Number(modifiedAt),
    crc32: crc32 === null ? null : Number(crc32),
    messageId: messageId === null ? null : Number(messageId),
    documentId: documentId === null ? null : String(documentId),
  }
}
