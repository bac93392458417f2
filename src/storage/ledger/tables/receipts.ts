import { documentIdIn } from '../../../core/model/file-id.ts'
import type { Ledger } from '../../../core/ports/ledger.ts'
import type { FinishedFile } from '../../../core/ports/records.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob } from './rows.ts'

/** Receipts that are kept, the newest; each takes about 100 bytes. */
export const MAX_RECEIPTS = 1_000_000

export type ReceiptRecords = Pick<Synchronous<Ledger>, 'receiptOf' | 'keepReceipt'> & {
  /** Adds the receipt of an upload, inside the caller's transaction. */
  addReceipt: (uploadId: string, result: FinishedFile) => void
}

export function createReceiptRecords(database: LedgerDatabase): ReceiptRecords {
  const find = database.prepare(
    'SELECT sha256, crc32 FROM receipts WHERE document_id = ? AND size = ?',
  )
  const add = database.prepare(
    `INSERT INTO receipts (document_id, size, sha256, crc32)
     SELECT ?, size, ?, ? FROM uploads WHERE id = ? ON CONFLICT DO NOTHING`,
  )
  const keep = database.prepare(
    `INSERT INTO receipts (document_id, size, sha256, crc32) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const forget = database.prepare(
    'DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ?',
  )

  return {
    receiptOf: (documentId, size) => {
      const row = find.get(documentId, size)
      if (!row) return null
      return {
        sha256: blob(row, 'sha256').toString('hex'),
        crc32: blob(row, 'crc32').toString('hex'),
      }
    },
    keepReceipt: (documentId, size, { sha256, crc32 }) => {
      keep.run(documentId, size, Buffer.from(sha256, 'hex'), Buffer.from(crc32, 'hex'))
      forget.run(MAX_RECEIPTS)
    },
    addReceipt: (uploadId, { fileId, digests }) => {
      const documentId = documentIdIn(fileId)
      if (documentId === null || digests === null) return
      const { sha256, crc32 } = digests
      add.run(documentId, Buffer.from(sha256, 'hex'), Buffer.from(crc32, 'hex'), uploadId)
      forget.run(MAX_RECEIPTS)
    },
  }
}
