import type { Catalogue, LibraryKey, VolumePost } from '../../../core/ports/catalogue.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { type Fields, integer, integerOrNull, text } from '../tables/rows.ts'
import { fromHex, hexOf, messageOf, messageRow } from './rows.ts'

/** The rows of volumes; calls that write are made inside the caller's transaction. */
export interface VolumeRowsOfLibraries {
  /** Resolves with the captions' ids whose files have changed by it: the one before, and the one now. */
  put: (library: number, post: VolumePost) => string[]
  /** The id of the caption of a message that was a volume, or null. */
  remove: (library: number, messageId: number) => string | null
  within: (library: number, range: { from: number; to: number }) => number[]
  /**
   * The volumes of a file, each number once. A volume is known by nobody before it is posted, so the
   * lowest message counts: its line says how many there are, and a later one of the same number is a
   * copy.
   */
  heldBy: (library: number, captionId: string | null) => { count: number; bytes: number }
  /** Messages of the manifests of a file. */
  manifestsOf: (library: number, captionId: string) => number[]
}

/** `volume_count` of the lowest message of a file. */
const countOf = (table: string): string => `(SELECT volume_count FROM library_volumes AS lowest
  WHERE lowest.library = ${table}.library AND lowest.caption_id = ${table}.caption_id
  ORDER BY lowest.id LIMIT 1)`

export function createVolumeRows(database: LedgerDatabase): VolumeRowsOfLibraries {
  const find = database.prepare('SELECT * FROM library_volumes WHERE id = ?')
  const put = database.prepare(
    `INSERT OR REPLACE INTO library_volumes (id, library, caption_id, number, volume_count, size, name,
       posted_at, edited_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const remove = database.prepare('DELETE FROM library_volumes WHERE id = ?')
  const within = database.prepare('SELECT id FROM library_volumes WHERE id BETWEEN ? AND ?')
  const held = database.prepare(
    `SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes FROM
       (SELECT size, min(id) FROM library_volumes AS volumes
        WHERE library = ? AND caption_id = ? AND volume_count = ${countOf('volumes')} GROUP BY number)`,
  )
  const manifests = database.prepare(
    'SELECT id FROM library_files WHERE library = ? AND caption_id = ? AND volumes IS NOT NULL',
  )
  const idsIn = (rows: Row[]): number[] => rows.map((row) => messageOf(integer(row, 'id')))

  return {
    put: (library, post) => {
      const id = messageRow(library, post.messageId)
      const row = find.get(id)
      const before = row ? toVolumePost(row) : null
      if (before && (before.editedAt ?? 0) > (post.editedAt ?? 0)) return []
      const isSame = Object.entries(post).every(([key, value]) => {
        return before !== null && Reflect.get(before, key) === value
      })
      if (isSame) return []
      const { captionId, number, of, size, name, postedAt, editedAt } = post
      const caption = Buffer.from(captionId, 'hex')
      put.run(id, library, caption, number, of, size, name, postedAt, editedAt)
      return [...new Set([captionId, before?.captionId ?? captionId])]
    },
    remove: (library, messageId) => {
      const id = messageRow(library, messageId)
      const row = find.get(id)
      if (!row) return null
      remove.run(id)
      return toVolumePost(row).captionId
    },
    within: (library, { from, to }) =>
      idsIn(within.all(messageRow(library, from), messageRow(library, to))),
    heldBy: (library, captionId) => {
      const row = captionId === null ? undefined : held.get(library, fromHex(captionId))
      return row
        ? { count: integer(row, 'n'), bytes: integer(row, 'bytes') }
        : { count: 0, bytes: 0 }
    },
    manifestsOf: (library, captionId) => idsIn(manifests.all(library, fromHex(captionId))),
  }
}

/** Reads volumes, and those that are left over. */
export function createVolumeReading(
  database: LedgerDatabase,
  { libraryOf }: { libraryOf: (key: LibraryKey) => number | null },
): Pick<
  Synchronous<Catalogue>,
  'libraryManifests' | 'libraryVolume' | 'libraryVolumes' | 'libraryLeftovers'
> {
  const find = database.prepare('SELECT * FROM library_volumes WHERE id = ?')
  const ofFile = database.prepare(
    'SELECT * FROM library_volumes WHERE library = ? AND caption_id = ? ORDER BY id',
  )
  // From one file to the next by the index: what has a manifest costs no more than that.
  const leftovers = database.prepare(
    `WITH RECURSIVE files (caption_id) AS (
       SELECT coalesce(?3, (SELECT min(caption_id) FROM library_volumes WHERE library = ?1))
       UNION ALL
       SELECT (SELECT min(caption_id) FROM library_volumes
           WHERE library = ?1 AND caption_id > files.caption_id)
         FROM files WHERE files.caption_id IS NOT NULL AND ?3 IS NULL),
     left_over AS (
       SELECT ?1 AS library, caption_id,
         (SELECT max(id) FROM library_volumes AS volumes
           WHERE volumes.library = ?1 AND volumes.caption_id = files.caption_id) AS newest
       FROM files
       WHERE NOT EXISTS (SELECT 1 FROM library_files AS manifests
           WHERE manifests.library = ?1 AND manifests.caption_id = files.caption_id
             AND manifests.volumes IS NOT NULL)
         AND NOT EXISTS (SELECT 1 FROM uploads
           WHERE uploads.caption_id = lower(hex(files.caption_id))
             AND uploads.volume_bytes IS NOT NULL AND uploads.state IN ('receiving', 'sealed'))
         AND NOT EXISTS (SELECT 1 FROM volume_cleanups
           WHERE volume_cleanups.caption_id = lower(hex(files.caption_id)))
         AND NOT EXISTS (SELECT 1 FROM library_item_volumes
           WHERE library_item_volumes.caption_id = files.caption_id))
     SELECT caption_id, ${countOf('left_over')} AS volume_count,
       (SELECT name FROM library_volumes WHERE id = newest) AS name,
       (SELECT posted_at FROM library_volumes WHERE id = newest) AS posted_at
     FROM left_over WHERE newest IS NOT NULL ORDER BY newest DESC LIMIT ?2`,
  )
  const rows = createVolumeRows(database)

  return {
    libraryManifests: (key, captionId) => {
      const library = libraryOf(key)
      return library === null ? [] : rows.manifestsOf(library, captionId)
    },
    libraryVolume: (key, messageId) => {
      const library = libraryOf(key)
      const row = library === null ? undefined : find.get(messageRow(library, messageId))
      return row ? toVolumePost(row) : null
    },
    libraryVolumes: (key, captionId) => {
      const library = libraryOf(key)
      return library === null ? [] : ofFile.all(library, fromHex(captionId)).map(toVolumePost)
    },
    libraryLeftovers: (key, { limit, captionId: only = null }) => {
      const library = libraryOf(key)
      if (library === null) return []
      return leftovers.all(library, limit, fromHex(only)).map((row) => {
        const captionId = hexOf(row, 'caption_id')
        const { count: volumes, bytes } = rows.heldBy(library, captionId)
        return {
          ...{ captionId, volumes, bytes, name: text(row, 'name') },
          ...{ of: integer(row, 'volume_count'), postedAt: integer(row, 'posted_at') },
        }
      })
    },
  }
}

export function toVolumePost(row: Fields): VolumePost {
  return {
    messageId: messageOf(integer(row, 'id')),
    captionId: hexOf(row, 'caption_id'),
    number: integer(row, 'number'),
    of: integer(row, 'volume_count'),
    size: integer(row, 'size'),
    name: text(row, 'name'),
    postedAt: integer(row, 'posted_at'),
    editedAt: integerOrNull(row, 'edited_at'),
  }
}
