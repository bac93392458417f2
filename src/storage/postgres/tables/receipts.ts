import { documentIdIn } from '../../../core/model/file-id.ts'
import type { Ledger } from '../../../core/ports/ledger.ts'
import type { Digests, FinishedFile } from '../../../core/ports/records.ts'
import { MAX_RECEIPTS } from '../../ledger/tables/receipts.ts'
import { blob, type Fields } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries } from '../database.ts'

const FORGET =
  'DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - $1::bigint'

export type ReceiptRecords = Pick<Ledger, 'receiptOf' | 'keepReceipt'>

export function createReceiptRecords(database: PostgresDatabase): ReceiptRecords {
  return {
    receiptOf: async (documentId, size) => {
      const sql = 'SELECT sha256, crc32 FROM receipts WHERE document_id = $1 AND size = $2'
      const row = await database.get(sql, [documentId, size])
      return row ? toDigests(row) : null
    },
    keepReceipt: async (documentId, size, { sha256, crc32 }) => {
      const values = [documentId, size, Buffer.from(sha256, 'hex'), Buffer.from(crc32, 'hex')]
      await database.run(
        `INSERT INTO receipts (document_id, size, sha256, crc32) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING`,
        values,
      )
      await database.run(FORGET, [MAX_RECEIPTS])
    },
  }
}

/** Adds the receipt of an upload, inside the caller's transaction. */
export async function addReceipt(
  queries: Queries,
  uploadId: string,
  { fileId, digests }: FinishedFile,
): Promise<void> {
  const documentId = documentIdIn(fileId)
  if (documentId === null || digests === null) return
  const { sha256, crc32 } = digests
  await queries.run(
    `INSERT INTO receipts (document_id, size, sha256, crc32)
     SELECT $1, size, $2, $3 FROM uploads WHERE id = $4 ON CONFLICT DO NOTHING`,
    [documentId, Buffer.from(sha256, 'hex'), Buffer.from(crc32, 'hex'), uploadId],
  )
  await queries.run(FORGET, [MAX_RECEIPTS])
}

/** Finds the digests of documents of these ids, all at once; afterwards by id and size. */
export async function receiptsOf(
  queries: Queries,
  documentIds: readonly string[],
): Promise<(documentId: string, size: number) => Digests | null> {
  if (documentIds.length === 0) return () => null
  const rows = await queries.all(
    'SELECT document_id, size, sha256, crc32 FROM receipts WHERE document_id = ANY($1)',
    [documentIds],
  )
  const receipts = new Map(rows.map((row) => [`${row.document_id} ${row.size}`, toDigests(row)]))
  return (documentId, size) => receipts.get(`${documentId} ${size}`) ?? null
}

function toDigests(row: Fields): Digests {
  return {
    sha256: blob(row, 'sha256').toString('hex'),
    crc32: blob(row, 'crc32').toString('hex'),
  }
}
