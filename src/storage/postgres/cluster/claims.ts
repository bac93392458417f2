import type { ClusterMetrics } from '../../../core/ports/cluster/metrics.ts'
import type {
  CarriedUpload,
  ClaimableTransfer,
  TransferClaims,
} from '../../../core/ports/cluster/transfer-claims.ts'
import { leaseLost } from '../../../errors.ts'
import { integer, text, textOrNull } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'
import { NOT_PARTIAL, UNFINISHED } from '../uploads/upload-rows.ts'
import type { OpenFences } from './fences.ts'

/** When another node may take a lease whose holder is silent: as in leases.ts. */
const LEFT = `clock_timestamp() - interval '5 seconds'`
const FREE = `(held.until IS NULL OR held.until < ${LEFT})`
const NOW = 'floor(extract(epoch FROM clock_timestamp()) * 1000)'

/**
 * Not for a node that has lost the account without a word of it yet. What runs twice counts up twice, and
 * the last answer is the one that counts.
 */
const CLAIM = `
  UPDATE uploads SET run = nextval('upload_runs'), carrier = $2, account = $3, not_before = NULL
  WHERE id = $1 AND ${UNFINISHED} AND NOT EXISTS (
    SELECT 1 FROM leases WHERE name = $3 AND holder <> $2 AND until >= ${LEFT})
  RETURNING run`
/** Pieces of a parallel upload go to Telegram with the file that is joined of them. */
const CLAIMABLE = `
  SELECT id, account FROM uploads LEFT JOIN leases AS held ON held.name = account
  WHERE ${UNFINISHED} AND (state = 'sealed' OR chunk_count > 0)
    AND (not_before IS NULL OR not_before <= ${NOW})
    AND (account IS NULL OR held.name IS NULL OR ${FREE} OR held.holder = $1)
    AND NOT (id = ANY ($2::text[]))
    AND ${NOT_PARTIAL}
  ORDER BY state = 'sealed' DESC, created_at, number LIMIT $3`

/** Which node carries which upload; what this one carries is noted in `fences`. */
export function createClaimRecords({
  database,
  fences,
  metrics,
}: {
  database: PostgresDatabase
  fences: OpenFences
  metrics: Pick<ClusterMetrics, 'claimed'>
}): TransferClaims {
  /** Of this process: what it carries is not offered to it again. */
  const carried = new Set<string>()

  return {
    claimTransfer: async ({ uploadId, account, node }) => {
      const row = await database.get(CLAIM, [uploadId, node, account])
      if (!row) {
        const sql = `SELECT 1 AS is_there FROM uploads WHERE id = $1 AND ${UNFINISHED}`
        if (await database.get(sql, [uploadId])) throw leaseLost()
        metrics.claimed('ended')
        return null
      }
      metrics.claimed('claimed')
      const run = integer(row, 'run')
      fences.set(uploadId, run)
      carried.add(uploadId)
      return run
    },
    leaveTransfer: async (uploadId, notBefore) => {
      const run = fences.runOf(uploadId)
      carried.delete(uploadId)
      fences.leave(uploadId)
      await database.run(
        `UPDATE uploads SET carrier = NULL, not_before = $3
         WHERE id = $1 AND run = $2 AND ${UNFINISHED}`,
        [uploadId, run, notBefore],
      )
    },
    claimableTransfers: async (node, limit) => {
      const rows = await database.all(CLAIMABLE, [node, [...carried], limit])
      return rows.map(
        (row): ClaimableTransfer => ({
          uploadId: text(row, 'id'),
          account: textOrNull(row, 'account'),
        }),
      )
    },
    carrierOf: async (uploadId) => {
      const row = await database.get(
        `SELECT carrier FROM uploads WHERE id = $1 AND ${UNFINISHED} AND carrier IS NOT NULL`,
        [uploadId],
      )
      return row ? text(row, 'carrier') : null
    },
    carriedUploads: async (uploadIds) => {
      if (uploadIds.length === 0) return []
      const rows = await database.all(
        'SELECT id, state, cancelled, run, chunk_count FROM uploads WHERE id = ANY ($1::text[])',
        [uploadIds],
      )
      return rows.map((row): CarriedUpload => {
        const uploadId = text(row, 'id')
        const isCancelled = integer(row, 'cancelled') === 1
        return {
          uploadId,
          state: isCancelled ? 'cancelled' : stateOf(text(row, 'state')),
          isMine: integer(row, 'run') === fences.runOf(uploadId),
          chunkCount: integer(row, 'chunk_count'),
        }
      })
    },
  }
}

function stateOf(state: string): CarriedUpload['state'] {
  switch (state) {
    case 'receiving':
    case 'sealed':
    case 'completed':
    case 'failed':
      return state
    default:
      throw new Error(`an upload in the state ${state}`)
  }
}
