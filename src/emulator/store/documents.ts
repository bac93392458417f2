import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Database } from './database.ts'

export interface Document {
  /** 64-bit id in decimal. */
  id: string
  size: number
  mimeType: string
  fileName: string
  date: number
  dcId: number
}

export interface DocumentStore {
  newId: () => string
  /** Where the bytes of a document lie. */
  pathOf: (id: string) => string
  add: (document: Document) => Document
  find: (id: string) => Document | null
  /** Moves one document, or all of them, to another data centre. */
  migrate: (dcId: number, id?: string) => void
}

interface DocumentRow {
  id: string
  size: number
  mime_type: string
  file_name: string
  date: number
  dc_id: number
}

export function createDocumentStore(database: Database, folder: string): DocumentStore {
  return {
    newId: () => BigInt.asUintN(62, randomBytes(8).readBigUInt64BE()).toString(),
    pathOf: (id) => join(folder, id),
    add: (document) => {
      const { id, size, mimeType, fileName, date, dcId } = document
      database.run(
        'INSERT INTO documents (id, size, mime_type, file_name, date, dc_id) VALUES (?, ?, ?, ?, ?, ?)',
        ...[id, size, mimeType, fileName, date, dcId],
      )
      return document
    },
    find: (id) => {
      const row = database.get<DocumentRow>('SELECT * FROM documents WHERE id = ?', id)
      return row ? toDocument(row) : null
    },
    migrate: (dcId, id) => {
      if (id === undefined) database.run('UPDATE documents SET dc_id = ?', dcId)
      else database.run('UPDATE documents SET dc_id = ? WHERE id = ?', dcId, id)
    },
  }
}

function toDocument(row: DocumentRow): Document {
  return {
    id: row.id,
    size: row.size,
    mimeType: row.mime_type,
    fileName: row.file_name,
    date: row.date,
    dcId: row.dc_id,
  }
}
