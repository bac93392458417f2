import type { Catalogue } from '../../../core/ports/catalogue.ts'
import { fromHex, hexOf, messageOf, messageRow } from '../../ledger/library/rows.ts'
import { toVolumePost } from '../../ledger/library/volumes.ts'
import { integer, text } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'
import { heldOf } from './changes.ts'
import { libraryOf } from './reading.ts'

/** Reads volumes, and those that are left over. */
export function createVolumeReading(
  database: PostgresDatabase,
): Pick<Catalogue, 'libraryManifests' | 'libraryVolume' | 'libraryVolumes' | 'libraryLeftovers'> {
  return {
    libraryManifests: (key, captionId) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return []
        const rows = await queries.all(
          `SELECT id FROM library_files
           WHERE library = $1 AND caption_id = $2 AND volumes IS NOT NULL ORDER BY id`,
          [library, Buffer.from(captionId, 'hex')],
        )
        return rows.map((row) => messageOf(integer(row, 'id')))
      }),
    libraryVolume: (key, messageId) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return null
        const sql = 'SELECT * FROM library_volumes WHERE id = $1'
        const row = await queries.get(sql, [messageRow(library, messageId)])
        return row ? toVolumePost(row) : null
      }),
    libraryVolumes: (key, captionId) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return []
        const rows = await queries.all(
          'SELECT * FROM library_volumes WHERE library = $1 AND caption_id = $2 ORDER BY id',
          [library, Buffer.from(captionId, 'hex')],
        )
        return rows.map(toVolumePost)
      }),
    libraryLeftovers: (key, { limit, captionId: only = null }) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return []
        const files = await queries.all(LEFTOVERS, [library, limit, fromHex(only)])
        const captions = files.map((row) => Buffer.from(hexOf(row, 'caption_id'), 'hex'))
        const rows = await queries.all(
          'SELECT * FROM library_volumes WHERE library = $1 AND caption_id = ANY($2)',
          [library, captions],
        )
        const posts = rows.map(toVolumePost)
        return files.map((row) => {
          const captionId = hexOf(row, 'caption_id')
          const { count: volumes, bytes } = heldOf(captionId, posts)
          return {
            ...{ captionId, volumes, bytes, name: text(row, 'name') },
            ...{ of: integer(row, 'volume_count'), postedAt: integer(row, 'posted_at') },
          }
        })
      }),
  }
}

/**
 * From one file to the next by the index: what has a manifest costs no more than that. The lowest
 * message says how many volumes there are, the newest what the file is called.
 */
const LEFTOVERS = `
  WITH RECURSIVE files (caption_id) AS (
    SELECT coalesce($3::bytea,
      (SELECT caption_id FROM library_volumes WHERE library = $1 ORDER BY caption_id LIMIT 1))
    UNION ALL
    SELECT (SELECT caption_id FROM library_volumes
        WHERE library = $1 AND caption_id > files.caption_id ORDER BY caption_id LIMIT 1)
      FROM files WHERE files.caption_id IS NOT NULL AND $3::bytea IS NULL
  ), left_over AS (
    SELECT caption_id,
      (SELECT max(id) FROM library_volumes AS volumes
        WHERE volumes.library = $1 AND volumes.caption_id = files.caption_id) AS newest
    FROM files
    WHERE NOT EXISTS (SELECT 1 FROM library_files AS manifests
        WHERE manifests.library = $1 AND manifests.caption_id = files.caption_id
          AND manifests.volumes IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM uploads
        WHERE uploads.caption_id = encode(files.caption_id, 'hex')
          AND uploads.volume_bytes IS NOT NULL AND uploads.state IN ('receiving', 'sealed'))
      AND NOT EXISTS (SELECT 1 FROM volume_cleanups
        WHERE volume_cleanups.caption_id = encode(files.caption_id, 'hex'))
      AND NOT EXISTS (SELECT 1 FROM library_item_volumes
        WHERE library_item_volumes.caption_id = files.caption_id)
  )
  SELECT caption_id, volume_count, name, posted_at
  FROM left_over,
    LATERAL (SELECT volume_count FROM library_volumes AS volumes
      WHERE volumes.library = $1 AND volumes.caption_id = left_over.caption_id
      ORDER BY id LIMIT 1) AS lowest,
    LATERAL (SELECT name, posted_at FROM library_volumes WHERE id = newest) AS latest
  ORDER BY newest DESC LIMIT $2`
