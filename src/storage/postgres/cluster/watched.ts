import type { WatchedRows } from '../../../core/ports/cluster/watched-rows.ts'
import { toJob } from '../../ledger/library/jobs.ts'
import { textOrNull, toUpload } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'
import { ALL, NOT_PARTIAL, UNFINISHED } from '../uploads/upload-rows.ts'

/** A node looks once a second. */
const ENDED_WITHIN_MS = 10_000
const LATELY = `finished_at > floor(extract(epoch FROM clock_timestamp()) * 1000) - ${ENDED_WITHIN_MS}`
/** Beyond that a node watches too much for one statement; the others stand as they were told last. */
const LIMIT = 5_000

const UPLOADS = `
  SELECT ${ALL}, carrier FROM uploads
  WHERE id = ANY ($1::text[]) OR (owner = ANY ($2::text[]) AND ${NOT_PARTIAL} AND (${UNFINISHED} OR ${LATELY}))
  LIMIT ${LIMIT}`
const JOBS = `
  SELECT library_jobs.*, held.holder AS carrier FROM library_jobs
  LEFT JOIN leases AS held ON held.name = 'job:' || library_jobs.id AND held.until > clock_timestamp()
  WHERE library_jobs.id = ANY ($1::text[])
    OR (owner = ANY ($2::text[]) AND (state = 'running' OR ${LATELY}))
  LIMIT ${LIMIT}`

export function createWatchedRows(database: Pick<PostgresDatabase, 'all'>): WatchedRows {
  return {
    watchedRows: async ({ ids, owners }) => {
      const [uploads, jobs] = await Promise.all([
        database.all(UPLOADS, [ids, owners]),
        database.all(JOBS, [ids, owners]),
      ])
      return {
        uploads: uploads.map((row) => ({
          upload: toUpload(row),
          carrier: textOrNull(row, 'carrier'),
        })),
        jobs: jobs.map((row) => ({ job: toJob(row), carrier: textOrNull(row, 'carrier') })),
      }
    },
  }
}
