import type { LibraryJobRecords } from '../../../core/ports/library-jobs.ts'
import { NO_PARENT } from '../../ledger/library/drafts.ts'
import { toNote } from '../../ledger/library/rows.ts'
import { text, textOrNull } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'
import { applyChanges } from './writing.ts'

/** Folders whose messages are being posted. */
export function createFolderDrafts(
  database: PostgresDatabase,
): Pick<LibraryJobRecords, 'draftFolder' | 'saveFolderNote' | 'settleFolder'> {
  return {
    draftFolder: async ({ owner, channelId }, { folderId, name, parentId, now }) =>
      database.transaction(async (queries) => {
        const place = [owner, channelId, parentId ?? NO_PARENT, name]
        // One that another node is adding is waited for, and found by the next statement.
        await queries.run(
          `INSERT INTO library_folder_drafts (owner, channel_id, parent_id, name, folder_id,
             created_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
          [...place, folderId, now],
        )
        const row = await queries.get(
          `SELECT folder_id, note FROM library_folder_drafts
           WHERE owner = $1 AND channel_id = $2 AND parent_id = $3 AND name = $4`,
          place,
        )
        if (!row) throw new Error('the draft of a folder was not written')
        return { folderId: text(row, 'folder_id'), note: toNote(textOrNull(row, 'note')) }
      }),
    saveFolderNote: async ({ owner, channelId }, folderId, note) => {
      await database.run(
        `UPDATE library_folder_drafts SET note = $1
         WHERE owner = $2 AND channel_id = $3 AND folder_id = $4`,
        [JSON.stringify(note), owner, channelId, folderId],
      )
    },
    settleFolder: (key, folderId, changes) =>
      database.transaction(async (queries) => {
        await queries.run(
          `DELETE FROM library_folder_drafts
           WHERE owner = $1 AND channel_id = $2 AND folder_id = $3`,
          [key.owner, key.channelId, folderId],
        )
        return applyChanges(queries, key, changes)
      }),
  }
}
