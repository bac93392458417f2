import { isUnfinished } from '../../../core/model/upload.ts'
import type { AcceptedChunk, MaintainedLedger } from '../../../core/ports/ledger.ts'
import type { ChunkRecord, Upload } from '../../../core/ports/records.ts'
import type { LedgerDatabase } from '../database.ts'
import type { LedgerCipher } from '../secrets/cipher.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob, fromUpload, integer, text, toChunk, tokenPurpose, toUpload } from './rows.ts'
import type { VolumeRows } from './volumes.ts'

const COLUMNS = `id, owner, file_name, mime_type, size, total_chunks, chunk_size, state, created_at,
  touched_at, sealed_at, finished_at, message_id, file_id, reason, modified_at, caption_id, sha256, crc32,
  folder, folder_id, given_name, replaces, replaces_in, volume_bytes`
const ALL = `${COLUMNS}, cancelled, last_percent, retry_at, posted_volumes, freed_chunks`
// A piece of another upload is no file of its own.
const PARTIAL = `SELECT upload_id FROM streams WHERE concat = 'partial'`
const UNFINISHED = `state IN ('receiving', 'sealed')`

export type UploadRecords = Pick<
  Synchronous<MaintainedLedger>,
  | 'findUpload'
  | 'uploadsOf'
  | 'uploadsInState'
  | 'countInState'
  | 'uploadToken'
  | 'saveUploadToken'
  | 'acceptChunk'
  | 'findChunk'
  | 'chunks'
  | 'loseChunk'
  | 'touchUpload'
  | 'sealUpload'
  | 'savePercent'
  | 'saveUploadFolder'
  | 'deleteUpload'
  | 'expireUpload'
  | 'reservations'
  | 'chunklessUploads'
  | 'deleteChunk'
  | 'finishedBefore'
  | 'forgetUpload'
> & {
  /** Adds the row, inside the caller's transaction, which has seen that there is none. */
  insertUpload: (upload: Upload, token: string, reservedBytes: number) => void
  /** What the owner has unfinished. */
  reservedBy: (owner: string) => { uploads: number; bytes: number }
}

export function createUploadRecords(
  database: LedgerDatabase,
  cipher: LedgerCipher,
  volumes: Pick<VolumeRows, 'cleanupOf'>,
): UploadRecords {
  const uploads = uploadCalls(database, cipher, volumes)
  return {
    ...uploads,
    ...tokenCalls(database, cipher),
    ...chunkCalls(database, cipher, uploads.findUpload),
  }
}

function uploadCalls(
  database: LedgerDatabase,
  cipher: LedgerCipher,
  { cleanupOf }: Pick<VolumeRows, 'cleanupOf'>,
) {
  const insert = database.prepare(
    `INSERT INTO uploads (${COLUMNS}, reserved, token)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const find = database.prepare(`SELECT ${ALL} FROM uploads WHERE id = ?`)
  const byOwner = database.prepare(
    `SELECT ${ALL}, CASE WHEN state = 'receiving'
       THEN (SELECT coalesce(sum(chunks.size), 0) FROM chunks WHERE upload_id = id) ELSE 0
       END AS received_bytes
     FROM uploads WHERE owner = ? AND id NOT IN (${PARTIAL})
     ORDER BY ${UNFINISHED} DESC, created_at DESC, rowid DESC LIMIT ?`,
  )
  const byState = database.prepare(
    `SELECT ${ALL} FROM uploads WHERE state = ? ORDER BY created_at, rowid`,
  )
  const touch = database.prepare('UPDATE uploads SET touched_at = ? WHERE id = ?')
  const keepPercent = database.prepare(
    `UPDATE uploads SET last_percent = max(?, coalesce(last_percent, 0)) WHERE id = ? AND ${UNFINISHED}
     RETURNING last_percent`,
  )
  const keepFolder = database.prepare('UPDATE uploads SET folder_id = ? WHERE id = ?')
  const remove = database.prepare('DELETE FROM uploads WHERE id = ?')
  const count = database.prepare('SELECT count(*) AS n FROM uploads WHERE state = ?')
  const reservedByOwner = database.prepare(
    `SELECT count(*) AS uploads, coalesce(sum(reserved), 0) AS bytes FROM uploads
     WHERE owner = ? AND ${UNFINISHED}`,
  )
  const chunkless = database.prepare(
    `SELECT ${ALL} FROM uploads WHERE state = 'receiving' AND size > 0
       AND NOT EXISTS (SELECT 1 FROM chunks WHERE upload_id = id)`,
  )
  const finished = database.prepare(
    `SELECT id FROM uploads WHERE state IN ('completed', 'failed') AND finished_at <= ?`,
  )

  function findUpload(id: string): Upload | null {
    const row = find.get(id)
    return row ? toUpload(row) : null
  }

  /** Inside the caller's transaction. */
  function removeRow(id: string): void {
    const keepCleanup = cleanupOf(id)
    remove.run(id)
    keepCleanup()
  }

  return {
    insertUpload: (upload, token, reservedBytes) => {
      insert.run(...fromUpload(upload), reservedBytes, encryptToken(cipher, upload.id, token))
    },
    findUpload,
    uploadsOf: (owner, limit) =>
      byOwner.all(owner, limit).map((row) => ({
        upload: toUpload(row),
        receivedBytes: integer(row, 'received_bytes'),
      })),
    uploadsInState: (state) => byState.all(state).map(toUpload),
    countInState: (state) => {
      const row = count.get(state)
      return row ? integer(row, 'n') : 0
    },
    touchUpload: (id, now) => void touch.run(now, id),
    saveUploadFolder: (id, folderId) => void keepFolder.run(folderId, id),
    savePercent: (id, percent) => {
      const row = keepPercent.get(percent, id)
      return row ? integer(row, 'last_percent') : null
    },
    deleteUpload: (id) =>
      database.transaction(() => {
        const upload = findUpload(id)
        if (upload !== null) removeRow(id)
        return upload
      }),
    expireUpload: (id, touchedAt) =>
      database.transaction(() => {
        const upload = findUpload(id)
        if (upload?.state !== 'receiving' || upload.touchedAt !== touchedAt) return null
        removeRow(id)
        return upload
      }),
    reservedBy: (owner) => {
      const row = reservedByOwner.get(owner)
      return row
        ? { uploads: integer(row, 'uploads'), bytes: integer(row, 'bytes') }
        : { uploads: 0, bytes: 0 }
    },
    chunklessUploads: () => chunkless.all().map(toUpload),
    finishedBefore: (before) => finished.all(before).map((row) => text(row, 'id')),
    forgetUpload: (id, before) =>
      database.transaction(() => {
        const upload = findUpload(id)
        if (upload === null || !hasEndedBy(upload, before)) return false
        removeRow(id)
        return true
      }),
  } satisfies Partial<UploadRecords>
}

function tokenCalls(database: LedgerDatabase, cipher: LedgerCipher) {
  const find = database.prepare('SELECT token FROM uploads WHERE id = ? AND token IS NOT NULL')
  // Not for an upload that has ended in the meantime: its token was erased for good.
  const save = database.prepare(`UPDATE uploads SET token = ? WHERE id = ? AND ${UNFINISHED}`)

  return {
    uploadToken: (id) => {
      const row = find.get(id)
      const plain = row ? cipher.decrypt(tokenPurpose(id), blob(row, 'token')) : null
      return plain?.toString('utf8') ?? null
    },
    saveUploadToken: (id, token) => void save.run(encryptToken(cipher, id, token), id),
  } satisfies Partial<UploadRecords>
}

function chunkCalls(
  database: LedgerDatabase,
  cipher: LedgerCipher,
  findUpload: UploadRecords['findUpload'],
) {
  const insert = database.prepare(
    `INSERT INTO chunks (upload_id, chunk_index, size, digest) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const findOne = database.prepare(
    `SELECT chunk_index, size, digest FROM chunks WHERE upload_id = ? AND chunk_index = ?`,
  )
  const progress = database.prepare(
    `UPDATE uploads SET touched_at = ?1, chunk_size = coalesce(?2, chunk_size),
       token = coalesce(?3, token)
     WHERE id = ?4 AND state = 'receiving' AND coalesce(?2, chunk_size) IS coalesce(chunk_size, ?2)
       AND caption_id IS coalesce(?5, caption_id)`,
  )
  const find = database.prepare(
    `SELECT ${ALL}, chunk_bytes, digest,
       (SELECT count(*) FROM chunks WHERE upload_id = id) AS count,
       EXISTS (SELECT 1 FROM streams WHERE upload_id = id) AS is_stream
     FROM uploads LEFT JOIN
       (SELECT upload_id, chunk_index, size AS chunk_bytes, digest FROM chunks)
       ON upload_id = id AND chunk_index = ?
     WHERE id = ?`,
  )
  const count = database.prepare('SELECT count(*) AS n FROM chunks WHERE upload_id = ?')
  const seal = database.prepare(
    `UPDATE uploads SET state = 'sealed', sealed_at = ?, touched_at = ? WHERE id = ?`,
  )
  const list = database.prepare(
    'SELECT chunk_index, size, digest FROM chunks WHERE upload_id = ? ORDER BY chunk_index',
  )
  const remove = database.prepare('DELETE FROM chunks WHERE upload_id = ? AND chunk_index = ?')
  const sums = database.prepare(
    `SELECT coalesce(sum(reserved), 0) AS reserved, coalesce(sum(max(0, reserved - written)), 0) AS unwritten
     FROM (SELECT reserved, (SELECT coalesce(sum(chunks.size), 0) FROM chunks
         WHERE upload_id = id AND chunk_index >= freed_chunks) AS written
       FROM uploads WHERE ${UNFINISHED})`,
  )
  const countOf = (uploadId: string): number => {
    const row = count.get(uploadId)
    return row ? integer(row, 'n') : 0
  }
  const chunksOf = (uploadId: string): ChunkRecord[] => list.all(uploadId).map(toChunk)

  return {
    acceptChunk: (uploadId, chunk, { captionId = null, chunkSize, token, now }) =>
      database.transaction(() => {
        const row = findOne.get(uploadId, chunk.index)
        const known = row ? toChunk(row) : null
        const isOther = known !== null && known.digest !== chunk.digest
        const encrypted = token === null ? null : encryptToken(cipher, uploadId, token)
        if (isOther || progress.run(now, chunkSize, encrypted, uploadId, captionId) === 0) {
          return refusedChunk(findUpload(uploadId), known, captionId)
        }
        insert.run(uploadId, chunk.index, chunk.size, Buffer.from(chunk.digest, 'hex'))
        return { kind: 'accepted', count: countOf(uploadId) }
      }),
    findChunk: (uploadId, index) => {
      const row = find.get(index, uploadId)
      if (!row) return null
      const { chunk_bytes: size, digest } = row
      return {
        upload: toUpload(row),
        isStream: integer(row, 'is_stream') === 1,
        chunk: digest === null ? null : toChunk({ chunk_index: index, size, digest }),
        count: integer(row, 'count'),
      }
    },
    sealUpload: (id, now) =>
      database.transaction(() => {
        const upload = findUpload(id)
        if (upload === null) return { kind: 'gone' }
        if (upload.state !== 'receiving') return { kind: 'closed', upload }
        if (countOf(id) < upload.totalChunks) {
          return { kind: 'incomplete', present: chunksOf(id).map(({ index }) => index) }
        }
        seal.run(now, now, id)
        return {
          kind: 'sealed',
          upload: { ...upload, state: 'sealed', sealedAt: now, touchedAt: now },
        }
      }),
    reservations: () => {
      const row = sums.get()
      if (!row) return { reservedBytes: 0, unwrittenBytes: 0 }
      return { reservedBytes: integer(row, 'reserved'), unwrittenBytes: integer(row, 'unwritten') }
    },
    chunks: chunksOf,
    loseChunk: ({ id, captionId }, index) =>
      database.transaction(() => {
        const upload = findUpload(id)
        if (upload?.state !== 'receiving' || upload.captionId !== captionId) return false
        remove.run(id, index)
        return true
      }),
    deleteChunk: (uploadId, index) => void remove.run(uploadId, index),
  } satisfies Partial<UploadRecords>
}

export function hasEndedBy(upload: Upload, before: number): boolean {
  const { finishedAt } = upload
  return !isUnfinished(upload) && finishedAt !== null && finishedAt <= before
}

/** Why a chunk was not accepted: what is there in its place, and its upload. */
export function refusedChunk(
  upload: Upload | null,
  known: ChunkRecord | null,
  captionId: string | null,
): AcceptedChunk {
  if (upload === null || (captionId ?? upload.captionId) !== upload.captionId) {
    return { kind: 'gone' }
  }
  return upload.state === 'receiving'
    ? { kind: 'differs', upload, chunk: known }
    : { kind: 'closed', upload }
}

export function encryptToken(cipher: LedgerCipher, uploadId: string, token: string): Buffer {
  return cipher.encrypt(tokenPurpose(uploadId), Buffer.from(token))
}
