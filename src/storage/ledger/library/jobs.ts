import { formatFolderPath, parseFolderPath } from '../../../core/model/library/folder-path.ts'
import type {
  LibraryItem,
  LibraryJob,
  LibraryJobKind,
  LibraryJobRecords,
  NewLibraryJob,
} from '../../../core/ports/library-jobs.ts'
import type { LedgerDatabase } from '../database.ts'
import type { LedgerCipher } from '../secrets/cipher.ts'
import type { Synchronous } from '../synchronous.ts'
import {
  blob,
  type Fields,
  integer,
  integerOrNull,
  oneOf,
  text,
  textOrNull,
} from '../tables/rows.ts'
import { createItemVolumes } from './item-volumes.ts'
import { toNote } from './rows.ts'
import type { LibraryWriting } from './writing.ts'

type JobRecords = Omit<
  Synchronous<LibraryJobRecords>,
  'draftFolder' | 'saveFolderNote' | 'settleFolder' | 'forgetLibraryJobs'
> & {
  /** Adds a job inside the caller's transaction. */
  insertLibraryJob: (job: NewLibraryJob) => void
  forgetJobs: (before: number) => void
}

/** `settled` of an item. */
export const OPEN = 0
export const SETTLED = 1

/** Jobs that change libraries, and their items. */
export function createLibraryJobRecords(
  database: LedgerDatabase,
  cipher: LedgerCipher,
  { applyInside }: Pick<LibraryWriting, 'applyInside'>,
): JobRecords {
  const insert = database.prepare(
    `INSERT INTO library_jobs (id, owner, channel_id, kind, target, total, done, failed, state,
       created_at, token)
     VALUES (?, ?, ?, ?, ?, ?, 0, 0, 'running', ?, ?)`,
  )
  const insertItem = database.prepare(
    `INSERT INTO library_items (job_id, position, message_id, is_folder, caption_id, settled)
     VALUES (?, ?, ?, ?, ?, ${OPEN})`,
  )
  const find = database.prepare('SELECT * FROM library_jobs WHERE id = ?')
  const countOpen = database.prepare(
    `SELECT count(*) AS n FROM library_jobs WHERE owner = ? AND state = 'running'`,
  )
  const byOwner = database.prepare(
    `SELECT * FROM library_jobs WHERE owner = ?
     ORDER BY state = 'running' DESC, created_at DESC, rowid DESC LIMIT ?`,
  )
  const unfinished = database.prepare(
    `SELECT * FROM library_jobs WHERE state = 'running' ORDER BY created_at, rowid`,
  )
  const openItems = database.prepare(
    `SELECT * FROM library_items WHERE job_id = ? AND settled = ${OPEN} ORDER BY position LIMIT ?`,
  )
  const saveNote = database.prepare(
    'UPDATE library_items SET note = ? WHERE job_id = ? AND position = ?',
  )
  const settle = database.prepare(
    `UPDATE library_items SET settled = ${SETTLED}
     WHERE job_id = ? AND position = ? AND settled = ${OPEN}`,
  )
  const count = database.prepare(
    `UPDATE library_jobs SET done = done + ?, failed = failed + ?, reason = coalesce(reason, ?)
     WHERE id = ?`,
  )
  const end = database.prepare(
    `UPDATE library_jobs SET state = ?, reason = ?, finished_at = ?, token = NULL
     WHERE id = ? AND state = 'running'`,
  )
  const forgetItems = database.prepare('DELETE FROM library_items WHERE job_id = ?')
  const volumes = createItemVolumes(database)
  const forget = database.prepare(
    `DELETE FROM library_jobs WHERE state IN ('completed', 'failed') AND finished_at <= ?`,
  )

  function findJob(id: string): LibraryJob | null {
    const row = find.get(id)
    return row ? toJob(row) : null
  }

  function insertLibraryJob({ id, key, kind, target, items, token, now }: NewLibraryJob): void {
    const path = target && formatFolderPath(target)
    const sealed = cipher.encrypt(jobTokenPurpose(id), Buffer.from(token))
    insert.run(id, key.owner, key.channelId, kind, path, items.length, now, sealed)
    for (const [position, { messageId, isFolder, captionId }] of items.entries()) {
      insertItem.run(id, position, messageId, isFolder ? 1 : 0, captionId)
    }
  }

  return {
    insertLibraryJob,
    openLibraryJob: (job, maxUnfinished) =>
      database.transaction(() => {
        const row = countOpen.get(job.key.owner)
        if (row && integer(row, 'n') >= maxUnfinished) return null
        insertLibraryJob(job)
        return findJob(job.id)
      }),
    libraryJob: findJob,
    libraryJobsOf: (owner, limit) => byOwner.all(owner, limit).map(toJob),
    unfinishedLibraryJobs: () => unfinished.all().map(toJob),
    libraryJobToken: (id) => {
      const row = find.get(id)
      if (!row || row.token === null) return null
      return cipher.decrypt(jobTokenPurpose(id), blob(row, 'token'))?.toString('utf8') ?? null
    },
    openLibraryItems: (id, limit) => openItems.all(id, limit).map(toItem),
    saveLibraryItemNote: (id, position, note) =>
      void saveNote.run(JSON.stringify(note), id, position),
    settleLibraryItems: (id, settled, changes) =>
      database.transaction(() => {
        const job = findJob(id)
        const fresh = settled.filter(({ position }) => settle.run(id, position) > 0)
        for (const { position } of fresh) volumes.forget(id, position)
        const failures = fresh.filter(({ reason }) => reason !== null)
        const done = fresh.length - failures.length
        count.run(done, failures.length, failures[0]?.reason ?? null, id)
        const effect = job === null ? { messageIds: [] } : applyInside(job.key, changes)
        return { job: findJob(id), effect }
      }),
    itemVolumes: volumes.itemVolumes,
    saveItemVolumeNote: volumes.saveItemVolumeNote,
    saveItemVolumeCopy: volumes.saveItemVolumeCopy,
    itemTransfer: volumes.itemTransfer,
    saveItemTransfer: volumes.saveItemTransfer,
    endLibraryJob: (id, reason, now) =>
      database.transaction(() => {
        end.run(reason === null ? 'completed' : 'failed', reason, now, id)
        forgetItems.run(id)
        volumes.forgetAll(id)
        return findJob(id)
      }),
    forgetJobs: (before) => void forget.run(before),
  }
}

/** What the token of a job is encrypted for. */
export function jobTokenPurpose(jobId: string): string {
  return `library-job:${jobId}`
}

export function toJob(row: Fields): LibraryJob {
  const target = textOrNull(row, 'target')
  return {
    id: text(row, 'id'),
    key: { owner: text(row, 'owner'), channelId: text(row, 'channel_id') },
    kind: oneOf<LibraryJobKind>(['move', 'copy', 'delete'], text(row, 'kind')),
    target: target === null ? null : parseFolderPath(target, 'target'),
    state: oneOf<LibraryJob['state']>(['running', 'completed', 'failed'], text(row, 'state')),
    total: integer(row, 'total'),
    done: integer(row, 'done'),
    failed: integer(row, 'failed'),
    reason: textOrNull(row, 'reason'),
    createdAt: integer(row, 'created_at'),
    finishedAt: integerOrNull(row, 'finished_at'),
  }
}

export function toItem(row: Fields): LibraryItem {
  return {
    position: integer(row, 'position'),
    messageId: integer(row, 'message_id'),
    isFolder: integer(row, 'is_folder') === 1,
    captionId: textOrNull(row, 'caption_id'),
    note: toNote(textOrNull(row, 'note')),
  }
}
