import { randomUUID } from 'node:crypto'
import { isUnfinished } from '../../../core/model/upload.ts'
import type { Ending, KeptCancellations, Ledger } from '../../../core/ports/ledger.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { volumePostsOf } from '../../ledger/tables/endings.ts'
import { integer, text, toUpload } from '../../ledger/tables/rows.ts'
import type { Fences } from '../cluster/fences.ts'
import type { PostgresDatabase, Queries, Value } from '../database.ts'
import { insertLibraryJob } from '../library/jobs.ts'
import { applyChanges } from '../library/writing.ts'
import { lockCancellations } from '../locks.ts'
import { addReceipt } from '../tables/receipts.ts'
import { ALL, fencedBy, findUpload, lockUpload, UNFINISHED } from './upload-rows.ts'
import { keepCleanup, volumesOf } from './volumes.ts'

export type EndingRecords = Pick<Ledger, 'completeUpload' | 'failUpload' | 'cancelUpload'>

const COMPLETE = `
  UPDATE uploads SET state = 'completed', message_id = $2, file_id = $3, sha256 = $4, crc32 = $5,
    finished_at = $6, touched_at = $6, token = NULL
  WHERE id = $1 AND ${UNFINISHED} AND ${fencedBy(7)} RETURNING ${ALL}`
const FAIL = `
  UPDATE uploads SET state = 'failed', reason = $2, last_percent = coalesce($3, last_percent),
    retry_at = $4, finished_at = $5, touched_at = $5, token = NULL,
    chunk_count = 0, received_bytes = 0, freed_bytes = 0
  WHERE id = $1 AND ${UNFINISHED} AND ${fencedBy(6)} RETURNING ${ALL}`
const CANCEL = `
  UPDATE uploads SET state = 'failed', cancelled = 1, reason = $2, last_percent = $3,
    finished_at = $4, touched_at = $4, token = NULL, chunk_count = 0, received_bytes = 0, freed_bytes = 0
  WHERE id = $1 AND cancelled = 0 AND state IN ('receiving', 'sealed', 'failed') RETURNING ${ALL}`
const FORGET_TRANSFER = `
  WITH transfer AS (DELETE FROM transfers WHERE upload_id = $1),
    parts AS (DELETE FROM acknowledged_parts WHERE upload_id = $1)
  DELETE FROM thumbnails WHERE upload_id = $1`

/** How uploads end: once. Ending one that has ended changes nothing. */
export function createEndingRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
  fences: Fences,
): EndingRecords {
  /** In one transaction: `sql` changes the row that is to end, and `erase` runs if it did. */
  function end(
    [sql, ...values]: readonly [string, string, ...Value[]],
    erase: (queries: Queries, id: string) => Promise<unknown>,
  ): Promise<Ending> {
    return database.transaction((queries) =>
      endInside({ queries, fences }, [sql, ...values], erase),
    )
  }

  /** The same; what it has left in its channel is to be deleted. */
  function giveUp(
    [sql, ...values]: readonly [string, string, ...Value[]],
    erase: (queries: Queries, id: string) => Promise<unknown>,
  ): Promise<Ending> {
    const [id] = values
    return database.transaction(async (queries) => {
      const upload = await lockUpload(queries, id)
      // Only one that is unfinished has a token, without which nothing is written down.
      if (upload !== null) await keepCleanup(queries, id)
      return endInside({ queries, fences }, [sql, ...values], erase)
    })
  }

  return {
    completeUpload: async (uploadId, { result, webhook, library: posted, now }) => {
      const { messageId, fileId, digests } = result
      const { sha256 = null, crc32 = null } = digests ?? {}
      return end(
        [COMPLETE, uploadId, messageId, fileId, sha256, crc32, now, fences.runOf(uploadId)],
        async (queries, id) => {
          await addReceipt(queries, id, result)
          if (webhook) {
            await queries.run(
              `INSERT INTO outbox (id, upload_id, payload, attempts, due_at, created_at)
               VALUES ($1, $2, $3, 0, $4, $4)`,
              [randomUUID(), id, JSON.stringify(webhook), now],
            )
          }
          if (posted) {
            const { file, key } = posted
            const volumes = volumePostsOf(file, await volumesOf(queries, id))
            await applyChanges(queries, key, { files: [file], volumes })
          }
          if (posted?.deletion) await insertLibraryJob(queries, cipher, posted.deletion)
        },
      )
    },
    failUpload: async (uploadId, { reason, percent, retryAt, now }) =>
      giveUp([FAIL, uploadId, reason, percent, retryAt, now, fences.runOf(uploadId)], forgetChunks),
    cancelUpload: async (uploadId, { reason, percent, now }, keep) =>
      giveUp([CANCEL, uploadId, reason, percent, now], async (queries, id) => {
        await forgetChunks(queries, id)
        await queries.run('UPDATE streams SET metadata = NULL WHERE upload_id = $1', [id])
        await forgetCancelled(queries, id, keep)
      }),
  }
}

async function endInside(
  { queries, fences }: { queries: Queries; fences: Fences },
  [sql, ...values]: readonly [string, string, ...Value[]],
  erase: (queries: Queries, id: string) => Promise<unknown>,
): Promise<Ending> {
  const [id] = values
  const row = await queries.get(sql, values)
  if (!row) {
    const upload = await findUpload(queries, id)
    // It could end, but not by this node.
    if (upload !== null && isUnfinished(upload)) fences.refuse(id)
    return upload === null ? { kind: 'gone' } : { kind: 'closed', upload }
  }
  await queries.run(FORGET_TRANSFER, [id])
  await erase(queries, id)
  await queries.run('DELETE FROM volumes WHERE upload_id = $1', [id])
  return { kind: 'ended', upload: toUpload(row) }
}

function forgetChunks(queries: Queries, id: string): Promise<unknown> {
  return queries.run('DELETE FROM chunks WHERE upload_id = $1', [id])
}

/** Forgets what is cancelled beyond the bounds, after one was added. */
async function forgetCancelled(
  queries: Queries,
  id: string,
  { perOwner, inAll }: KeptCancellations,
): Promise<void> {
  await lockCancellations(queries)
  const row = await queries.get(
    `SELECT owner, (SELECT count(*) FROM uploads WHERE cancelled = 1) AS in_all,
       (SELECT count(*) FROM uploads WHERE cancelled = 1 AND owner = ended.owner) AS owned
     FROM uploads AS ended WHERE id = $1`,
    [id],
  )
  if (!row) return
  const excess = Math.max(0, integer(row, 'owned') - perOwner)
  if (excess > 0) await removeOldest(queries, text(row, 'owner'), excess)
  if (integer(row, 'in_all') - excess <= inAll) return
  const most = await queries.get(
    `SELECT owner FROM uploads WHERE cancelled = 1
     GROUP BY owner ORDER BY count(*) DESC, min(finished_at) LIMIT 1`,
  )
  if (most) await removeOldest(queries, text(most, 'owner'), 1)
}

function removeOldest(queries: Queries, owner: string, count: number): Promise<unknown> {
  return queries.run(
    `DELETE FROM uploads WHERE id IN (
       SELECT id FROM uploads WHERE cancelled = 1 AND owner = $1
       ORDER BY finished_at, number LIMIT $2)`,
    [owner, count],
  )
}
