import type { ItemVolume, LibraryJobRecords } from '../../../core/ports/library-jobs.ts'
import type { TransferState } from '../../../core/ports/records.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import {
  type Fields,
  fromTransfer,
  integer,
  integerOrNull,
  parseObject,
  TRANSFER_COLUMNS,
  textOrNull,
  toTransfer,
} from '../tables/rows.ts'
import { fromHex, toNote } from './rows.ts'

export interface ItemVolumeRecords
  extends Pick<
    Synchronous<LibraryJobRecords>,
    | 'itemVolumes'
    | 'saveItemVolumeNote'
    | 'saveItemVolumeCopy'
    | 'itemTransfer'
    | 'saveItemTransfer'
  > {
  /** Forgets those of an item, inside the caller's transaction. */
  forget: (jobId: string, position: number) => void
  forgetAll: (jobId: string) => void
}

/** The number of a manifest: what is noted of it is the transfer of its document. */
export const MANIFEST = 0

/** The posts of files of volumes that jobs delete and copy. */
export function createItemVolumes(database: LedgerDatabase): ItemVolumeRecords {
  const list = database.prepare(
    'SELECT * FROM library_item_volumes WHERE job_id = ? AND position = ? ORDER BY number',
  )
  const insert = database.prepare(
    `INSERT INTO library_item_volumes (job_id, position, number, caption_id, message_id)
     VALUES (?, ?, ?, ?, ?)`,
  )
  const saveNote = database.prepare(
    'UPDATE library_item_volumes SET note = ? WHERE job_id = ? AND position = ? AND number = ?',
  )
  const saveCopy = database.prepare(
    'UPDATE library_item_volumes SET copy_id = ? WHERE job_id = ? AND position = ? AND number = ?',
  )
  const findNote = database.prepare(
    'SELECT note FROM library_item_volumes WHERE job_id = ? AND position = ? AND number = ?',
  )
  const forget = database.prepare(
    'DELETE FROM library_item_volumes WHERE job_id = ? AND position = ?',
  )
  const forgetAll = database.prepare('DELETE FROM library_item_volumes WHERE job_id = ?')

  return {
    itemVolumes: (id, position, posts) =>
      database.transaction(() => {
        const kept = list.all(id, position)
        if (kept.length > 0 || posts === undefined) return kept.map(toItemVolume)
        const { captionId, messageIds } = posts
        for (const [number, messageId] of messageIds.entries()) {
          insert.run(id, position, number, fromHex(captionId), messageId)
        }
        return list.all(id, position).map(toItemVolume)
      }),
    saveItemVolumeNote: (id, { position, number }, note) =>
      void saveNote.run(JSON.stringify(note), id, position, number),
    saveItemVolumeCopy: (id, { position, number }, messageId) =>
      void saveCopy.run(messageId, id, position, number),
    itemTransfer: (id, position) => {
      const row = findNote.get(id, position, MANIFEST)
      const note = row ? textOrNull(row, 'note') : null
      return note === null ? null : toTransfer(parseObject(note))
    },
    saveItemTransfer: (id, position, state) => {
      saveNote.run(state && transferNote(state), id, position, MANIFEST)
    },
    forget: (jobId, position) => void forget.run(jobId, position),
    forgetAll: (jobId) => void forgetAll.run(jobId),
  }
}

/** A transfer as a note: its row, as JSON. */
export function transferNote(state: TransferState): string {
  const values = fromTransfer(state)
  const columns = TRANSFER_COLUMNS.map((column, index) => [column, values[index]])
  return JSON.stringify(Object.fromEntries(columns))
}

export function toItemVolume(row: Fields): ItemVolume {
  const number = integer(row, 'number')
  return {
    number,
    messageId: integer(row, 'message_id'),
    note: number === MANIFEST ? null : toNote(textOrNull(row, 'note')),
    copyId: integerOrNull(row, 'copy_id'),
  }
}
