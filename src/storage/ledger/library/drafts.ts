import type { LibraryJobRecords } from '../../../core/ports/library-jobs.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { text, textOrNull } from '../tables/rows.ts'
import { toNote } from './rows.ts'
import type { LibraryWriting } from './writing.ts'

/** A draft may wait for as long as Telegram asks an account to wait. */
export const KEPT_MS = 7 * 24 * 3_600_000
/** Stands for the root's id. */
export const NO_PARENT = ''

/** Folders whose messages are being posted. */
export function createFolderDrafts(
  database: LedgerDatabase,
  { applyInside }: Pick<LibraryWriting, 'applyInside'>,
): Pick<Synchronous<LibraryJobRecords>, 'draftFolder' | 'saveFolderNote' | 'settleFolder'> & {
  /** Forgets those of jobs that ended by then. */
  forgetDrafts: (before: number) => void
} {
  const find = database.prepare(
    `SELECT * FROM library_folder_drafts
     WHERE owner = ? AND channel_id = ? AND parent_id = ? AND name = ?`,
  )
  const insert = database.prepare(
    `INSERT INTO library_folder_drafts (owner, channel_id, parent_id, name, folder_id, created_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  const saveNote = database.prepare(
    `UPDATE library_folder_drafts SET note = ?
     WHERE owner = ? AND channel_id = ? AND folder_id = ?`,
  )
  const remove = database.prepare(
    'DELETE FROM library_folder_drafts WHERE owner = ? AND channel_id = ? AND folder_id = ?',
  )
  const forget = database.prepare('DELETE FROM library_folder_drafts WHERE created_at <= ?')

  return {
    draftFolder: ({ owner, channelId }, { folderId, name, parentId, now }) =>
      database.transaction(() => {
        const place = [owner, channelId, parentId ?? NO_PARENT, name] as const
        const row = find.get(...place)
        if (row) return { folderId: text(row, 'folder_id'), note: toNote(textOrNull(row, 'note')) }
        insert.run(...place, folderId, now)
        return { folderId, note: null }
      }),
    saveFolderNote: ({ owner, channelId }, folderId, note) =>
      void saveNote.run(JSON.stringify(note), owner, channelId, folderId),
    settleFolder: (key, folderId, changes) =>
      database.transaction(() => {
        remove.run(key.owner, key.channelId, folderId)
        return applyInside(key, changes)
      }),
    forgetDrafts: (before) => void forget.run(before - KEPT_MS),
  }
}
