import type { MaintainedLedger } from '../../../core/ports/ledger.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { blob, integer, text, tokenPurpose, toUpload } from '../../ledger/tables/rows.ts'
import { encryptToken, hasEndedBy } from '../../ledger/tables/uploads.ts'
import type { Fences } from '../cluster/fences.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import {
  ALL,
  fencedBy,
  findUpload,
  lockUpload,
  NOT_PARTIAL,
  reservationsIn,
  UNFINISHED,
} from './upload-rows.ts'
import { keepCleanup } from './volumes.ts'

export type UploadRecords = Pick<
  MaintainedLedger,
  | 'findUpload'
  | 'uploadsOf'
  | 'uploadsInState'
  | 'countInState'
  | 'uploadToken'
  | 'saveUploadToken'
  | 'touchUpload'
  | 'savePercent'
  | 'saveUploadFolder'
  | 'deleteUpload'
  | 'expireUpload'
  | 'reservations'
  | 'chunklessUploads'
  | 'finishedBefore'
  | 'forgetUpload'
>

export function createUploadRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
  fences: Fences,
): UploadRecords {
  return {
    findUpload: (id) => findUpload(database, id),
    uploadsOf: async (owner, limit) => {
      const rows = await database.all(
        `SELECT ${ALL}, CASE WHEN state = 'receiving' THEN received_bytes ELSE 0 END AS received
         FROM uploads WHERE owner = $1 AND ${NOT_PARTIAL}
         ORDER BY ${UNFINISHED} DESC, created_at DESC, number DESC LIMIT $2`,
        [owner, limit],
      )
      return rows.map((row) => ({
        upload: toUpload(row),
        receivedBytes: integer(row, 'received'),
      }))
    },
    uploadsInState: async (state) => {
      const sql = `SELECT ${ALL} FROM uploads WHERE state = $1 ORDER BY created_at, number`
      return (await database.all(sql, [state])).map(toUpload)
    },
    countInState: async (state) => {
      const sql = 'SELECT count(*) AS n FROM uploads WHERE state = $1'
      const row = await database.get(sql, [state])
      return row ? integer(row, 'n') : 0
    },
    uploadToken: async (id) => {
      const row = await database.get(
        'SELECT token FROM uploads WHERE id = $1 AND token IS NOT NULL',
        [id],
      )
      const plain = row ? cipher.decrypt(tokenPurpose(id), blob(row, 'token')) : null
      return plain?.toString('utf8') ?? null
    },
    saveUploadToken: async (id, token) => {
      // Not for an upload that has ended in the meantime: its token was erased for good.
      const sql = `UPDATE uploads SET token = $1 WHERE id = $2 AND ${UNFINISHED}`
      await database.run(sql, [encryptToken(cipher, id, token), id])
    },
    touchUpload: async (id, now) => {
      await database.run('UPDATE uploads SET touched_at = $1 WHERE id = $2', [now, id])
    },
    savePercent: async (id, percent) => {
      const sql = `UPDATE uploads SET last_percent = greatest($1, last_percent)
        WHERE id = $2 AND ${UNFINISHED} RETURNING last_percent`
      const row = await database.get(sql, [percent, id])
      return row ? integer(row, 'last_percent') : null
    },
    saveUploadFolder: async (id, folderId) => {
      const written = await database.run(
        `UPDATE uploads SET folder_id = $1 WHERE id = $2 AND ${fencedBy(3)}`,
        [folderId, id, fences.runOf(id)],
      )
      if (written === 0) await fences.assertMine(database, id)
    },
    deleteUpload: (id) =>
      database.transaction(async (queries) => {
        const upload = await lockUpload(queries, id)
        if (upload !== null) await removeRow(queries, id)
        return upload
      }),
    expireUpload: (id, touchedAt) =>
      database.transaction(async (queries) => {
        const upload = await lockUpload(queries, id)
        if (upload?.state !== 'receiving' || upload.touchedAt !== touchedAt) return null
        await removeRow(queries, id)
        return upload
      }),
    reservations: () => reservationsIn(database),
    chunklessUploads: async () => {
      const sql = `SELECT ${ALL} FROM uploads
        WHERE state = 'receiving' AND size > 0 AND chunk_count = 0`
      return (await database.all(sql)).map(toUpload)
    },
    finishedBefore: async (before) => {
      const sql = `SELECT id FROM uploads
        WHERE state IN ('completed', 'failed') AND finished_at <= $1`
      return (await database.all(sql, [before])).map((row) => text(row, 'id'))
    },
    forgetUpload: (id, before) =>
      database.transaction(async (queries) => {
        const upload = await lockUpload(queries, id)
        if (upload === null || !hasEndedBy(upload, before)) return false
        await removeRow(queries, id)
        return true
      }),
  }
}

async function removeRow(queries: Queries, id: string): Promise<void> {
  await keepCleanup(queries, id)
  await queries.run('DELETE FROM uploads WHERE id = $1', [id])
}
