import type { LibraryJobRecords } from '../../../core/ports/library-jobs.ts'
import { MANIFEST, toItemVolume, transferNote } from '../../ledger/library/item-volumes.ts'
import { parseObject, textOrNull, toTransfer } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

const LIST = `SELECT * FROM library_item_volumes WHERE job_id = $1 AND position = $2 ORDER BY number`
const SAVE_NOTE = `UPDATE library_item_volumes SET note = $1
  WHERE job_id = $2 AND position = $3 AND number = $4`

/** The posts of files of volumes that jobs delete and copy. */
export function createItemVolumes(
  database: PostgresDatabase,
): Pick<
  LibraryJobRecords,
  'itemVolumes' | 'saveItemVolumeNote' | 'saveItemVolumeCopy' | 'itemTransfer' | 'saveItemTransfer'
> {
  return {
    itemVolumes: async (id, position, posts) =>
      database.transaction(async (queries) => {
        await queries.run('SELECT 1 FROM library_jobs WHERE id = $1 FOR UPDATE', [id])
        const kept = await queries.all(LIST, [id, position])
        if (kept.length > 0 || posts === undefined) return kept.map(toItemVolume)
        await queries.run(
          `INSERT INTO library_item_volumes (job_id, position, number, caption_id, message_id)
           SELECT $1, $2, number - 1, $3, message_id
           FROM unnest($4::bigint[]) WITH ORDINALITY AS post (message_id, number)`,
          [id, position, Buffer.from(posts.captionId, 'hex'), posts.messageIds],
        )
        return (await queries.all(LIST, [id, position])).map(toItemVolume)
      }),
    saveItemVolumeNote: async (id, { position, number }, note) => {
      await database.run(SAVE_NOTE, [JSON.stringify(note), id, position, number])
    },
    saveItemVolumeCopy: async (id, { position, number }, messageId) => {
      await database.run(
        `UPDATE library_item_volumes SET copy_id = $1
         WHERE job_id = $2 AND position = $3 AND number = $4`,
        [messageId, id, position, number],
      )
    },
    itemTransfer: async (id, position) => {
      const row = await database.get(
        `SELECT note FROM library_item_volumes
         WHERE job_id = $1 AND position = $2 AND number = ${MANIFEST}`,
        [id, position],
      )
      const note = row ? textOrNull(row, 'note') : null
      return note === null ? null : toTransfer(parseObject(note))
    },
    saveItemTransfer: async (id, position, state) => {
      await database.run(SAVE_NOTE, [state && transferNote(state), id, position, MANIFEST])
    },
  }
}
