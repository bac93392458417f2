import type { Database } from './database.ts'

/** The parts that an account has sent under one file_id. */
export interface Upload {
  accountId: number
  fileId: string
  /** Sent by saveBigFilePart. */
  big: boolean
  /** Number of parts, -1 while a stream's end is not known, 0 for saveFilePart, which gives no total. */
  total: number
  /** Whether a part came with a total of -1. */
  streamed: boolean
  /** 0 until a part that is not the last has come. */
  partSize: number
  /** The document made of it, once there is one. */
  documentId: string | null
  touchedAt: number
}

export interface Part {
  part: number
  size: number
  /** In a file of its own, because its offset in the whole is not known yet. */
  apart: boolean
  savedAt: number
}

export interface UploadStore {
  find: (accountId: number, fileId: string) => Upload | null
  save: (upload: Upload) => void
  remove: (accountId: number, fileId: string) => void
  parts: (accountId: number, fileId: string) => Part[]
  part: (accountId: number, fileId: string, part: number) => Part | null
  savePart: (accountId: number, fileId: string, part: Part) => void
  removePart: (accountId: number, fileId: string, part: number) => void
  /** All parts lie in the one file from now on. */
  joinParts: (accountId: number, fileId: string) => void
  untouchedSince: (time: number) => Upload[]
  withFileId: (fileId: string) => Upload[]
}

interface UploadRow {
  account_id: number
  file_id: string
  big: number
  total: number
  streamed: number
  part_size: number
  document_id: string | null
  touched_at: number
}

interface PartRow {
  part: number
  size: number
  apart: number
  saved_at: number
}

const OF_UPLOAD = 'WHERE account_id = ? AND file_id = ?'

export function createUploadStore(database: Database): UploadStore {
  return {
    find: (accountId, fileId) => {
      const row = database.get<UploadRow>(`SELECT * FROM uploads ${OF_UPLOAD}`, accountId, fileId)
      return row ? toUpload(row) : null
    },
    save: (upload) => {
      const { accountId, fileId, big, total, streamed, partSize, documentId, touchedAt } = upload
      database.run(
        'INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[
          accountId,
          fileId,
          big ? 1 : 0,
          total,
          streamed ? 1 : 0,
          partSize,
          documentId,
          touchedAt,
        ],
      )
    },
    remove: (accountId, fileId) =>
      database.transaction(() => {
        database.run(`DELETE FROM uploads ${OF_UPLOAD}`, accountId, fileId)
        database.run(`DELETE FROM parts ${OF_UPLOAD}`, accountId, fileId)
      }),
    parts: (accountId, fileId) =>
      database
        .all<PartRow>(`SELECT * FROM parts ${OF_UPLOAD} ORDER BY part`, accountId, fileId)
        .map(toPart),
    part: (accountId, fileId, part) => {
      const row = database.get<PartRow>(
        `SELECT * FROM parts ${OF_UPLOAD} AND part = ?`,
        ...[accountId, fileId, part],
      )
      return row ? toPart(row) : null
    },
    savePart: (accountId, fileId, { part, size, apart, savedAt }) => {
      database.run(
        'INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)',
        ...[accountId, fileId, part, size, apart ? 1 : 0, savedAt],
      )
    },
    removePart: (accountId, fileId, part) => {
      database.run(`DELETE FROM parts ${OF_UPLOAD} AND part = ?`, accountId, fileId, part)
    },
    joinParts: (accountId, fileId) => {
      database.run(`UPDATE parts SET apart = 0 ${OF_UPLOAD}`, accountId, fileId)
    },
    untouchedSince: (time) =>
      database.all<UploadRow>('SELECT * FROM uploads WHERE touched_at < ?', time).map(toUpload),
    withFileId: (fileId) =>
      database.all<UploadRow>('SELECT * FROM uploads WHERE file_id = ?', fileId).map(toUpload),
  }
}

function toUpload(row: UploadRow): Upload {
  return {
    accountId: row.account_id,
    fileId: row.file_id,
    big: row.big === 1,
    total: row.total,
    streamed: row.streamed === 1,
    partSize: row.part_size,
    documentId: row.document_id,
    touchedAt: row.touched_at,
  }
}

function toPart(row: PartRow): Part {
  return { part: row.part, size: row.size, apart: row.apart === 1, savedAt: row.saved_at }
}
