import { formatFolderPath } from '../../../core/model/library/folder-path.ts'
import type {
  LibraryJob,
  LibraryJobRecords,
  NewLibraryJob,
} from '../../../core/ports/library-jobs.ts'
import { KEPT_MS } from '../../ledger/library/drafts.ts'
import { jobTokenPurpose, OPEN, SETTLED, toItem, toJob } from '../../ledger/library/jobs.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { blob, integer } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { lockLibraryJobs } from '../locks.ts'
import { createItemVolumes } from './item-volumes.ts'
import { applyChanges } from './writing.ts'

type JobRecords = Omit<LibraryJobRecords, 'draftFolder' | 'saveFolderNote' | 'settleFolder'>

/** Jobs that change libraries, and their items. */
export function createLibraryJobRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
): JobRecords {
  return {
    openLibraryJob: (job, maxUnfinished) =>
      database.transaction(async (queries) => {
        await lockLibraryJobs(queries, job.key.owner)
        const row = await queries.get(
          `SELECT count(*) AS n FROM library_jobs WHERE owner = $1 AND state = 'running'`,
          [job.key.owner],
        )
        if (row && integer(row, 'n') >= maxUnfinished) return null
        await insertLibraryJob(queries, cipher, job)
        return findJob(queries, job.id)
      }),
    libraryJob: (id) => findJob(database, id),
    libraryJobsOf: async (owner, limit) => {
      const rows = await database.all(
        `SELECT * FROM library_jobs WHERE owner = $1
         ORDER BY state = 'running' DESC, created_at DESC, number DESC LIMIT $2`,
        [owner, limit],
      )
      return rows.map(toJob)
    },
    unfinishedLibraryJobs: async () => {
      const rows = await database.all(
        `SELECT * FROM library_jobs WHERE state = 'running' ORDER BY created_at, number`,
      )
      return rows.map(toJob)
    },
    libraryJobToken: async (id) => {
      const row = await database.get('SELECT token FROM library_jobs WHERE id = $1', [id])
      if (!row || row.token === null) return null
      return cipher.decrypt(jobTokenPurpose(id), blob(row, 'token'))?.toString('utf8') ?? null
    },
    openLibraryItems: async (id, limit) => {
      const rows = await database.all(
        `SELECT * FROM library_items WHERE job_id = $1 AND settled = ${OPEN}
         ORDER BY position LIMIT $2`,
        [id, limit],
      )
      return rows.map(toItem)
    },
    saveLibraryItemNote: async (id, position, note) => {
      const sql = 'UPDATE library_items SET note = $1 WHERE job_id = $2 AND position = $3'
      await database.run(sql, [JSON.stringify(note), id, position])
    },
    ...createItemVolumes(database),
    settleLibraryItems: (id, settled, changes) =>
      database.transaction(async (queries) => {
        const rows = await queries.all(
          `UPDATE library_items SET settled = ${SETTLED}
           WHERE job_id = $1 AND position = ANY($2) AND settled = ${OPEN} RETURNING position`,
          [id, settled.map(({ position }) => position)],
        )
        const fresh = new Set(rows.map((row) => integer(row, 'position')))
        await queries.run(
          'DELETE FROM library_item_volumes WHERE job_id = $1 AND position = ANY($2)',
          [id, [...fresh]],
        )
        const failures = settled.filter(
          ({ position, reason }) => reason !== null && fresh.has(position),
        )
        await queries.run(
          `UPDATE library_jobs SET done = done + $1, failed = failed + $2,
             reason = coalesce(reason, $3)
           WHERE id = $4`,
          [fresh.size - failures.length, failures.length, failures[0]?.reason ?? null, id],
        )
        const job = await findJob(queries, id)
        const effect =
          job === null ? { messageIds: [] } : await applyChanges(queries, job.key, changes)
        return { job, effect }
      }),
    endLibraryJob: (id, reason, now) =>
      database.transaction(async (queries) => {
        await queries.run(
          `UPDATE library_jobs SET state = $1, reason = $2, finished_at = $3, token = NULL
           WHERE id = $4 AND state = 'running'`,
          [reason === null ? 'completed' : 'failed', reason, now, id],
        )
        await queries.run('DELETE FROM library_items WHERE job_id = $1', [id])
        await queries.run('DELETE FROM library_item_volumes WHERE job_id = $1', [id])
        return findJob(queries, id)
      }),
    forgetLibraryJobs: async (before) => {
      await database.run(
        `WITH drafts AS (DELETE FROM library_folder_drafts WHERE created_at <= $2)
         DELETE FROM library_jobs WHERE state IN ('completed', 'failed') AND finished_at <= $1`,
        [before, before - KEPT_MS],
      )
    },
  }
}

async function findJob(queries: Queries, id: string): Promise<LibraryJob | null> {
  const row = await queries.get('SELECT * FROM library_jobs WHERE id = $1', [id])
  return row ? toJob(row) : null
}

/** Adds a job inside the caller's transaction. */
export async function insertLibraryJob(
  queries: Queries,
  cipher: LedgerCipher,
  { id, key, kind, target, items, token, now }: NewLibraryJob,
): Promise<void> {
  const path = target && formatFolderPath(target)
  const sealed = cipher.encrypt(jobTokenPurpose(id), Buffer.from(token))
  await queries.run(
    `INSERT INTO library_jobs (id, owner, channel_id, kind, target, total, done, failed, state,
       created_at, token)
     VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 'running', $7, $8)`,
    [id, key.owner, key.channelId, kind, path, items.length, now, sealed],
  )
  await queries.run(
    `INSERT INTO library_items (job_id, position, message_id, is_folder, caption_id, settled)
     SELECT $1, number - 1, message_id, is_folder, caption_id, ${OPEN}
     FROM unnest($2::bigint[], $3::integer[], $4::text[])
       WITH ORDINALITY AS item (message_id, is_folder, caption_id, number)`,
    [
      id,
      items.map(({ messageId }) => messageId),
      items.map(({ isFolder }) => (isFolder ? 1 : 0)),
      items.map(({ captionId }) => captionId),
    ],
  )
}
