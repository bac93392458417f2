import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TlObject } from '../types.ts'
import type { Database } from './database.ts'
import { objectsOf, toTlJson } from './tl-json.ts'

/** The kind by which a document is shown and found (https://core.telegram.org/type/MessagesFilter). */
export type DocumentKind =
  | 'document'
  | 'video'
  | 'round'
  | 'animation'
  | 'audio'
  | 'voice'
  | 'sticker'

/** A small JPEG beside a document. */
export interface Thumb {
  width: number
  height: number
  bytes: Uint8Array
}

export interface Document {
  /** 64-bit id in decimal. */
  id: string
  size: number
  mimeType: string
  /** Empty when its sender gave none. */
  fileName: string
  date: number
  dcId: number
  kind: DocumentKind
  /** Attributes besides the name, as they were sent. */
  attributes: readonly TlObject[]
  thumb: Thumb | null
}

export interface DocumentStore {
  newId: () => string
  /** Lays the thumbnail beside the documents, where it is a file for programs on the same disk. */
  thumbPathOf: (document: Document) => string
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
  /** Null, as the fields below, for a document of an older store without details. */
  kind: DocumentKind | null
  attributes: string | null
  thumb: Uint8Array | null
  thumb_width: number | null
  thumb_height: number | null
}

export function createDocumentStore(database: Database, folder: string): DocumentStore {
  return {
    newId: () => BigInt.asUintN(62, randomBytes(8).readBigUInt64BE()).toString(),
    thumbPathOf: ({ id, thumb }) => {
      const path = join(folder, `${id}.thumb.jpg`)
      writeFileSync(path, thumb?.bytes ?? '')
      return path
    },
    add: (document) =>
      database.transaction(() => {
        const { id, size, mimeType, fileName, date, dcId, kind, attributes, thumb } = document
        database.run(
          'INSERT INTO documents (id, size, mime_type, file_name, date, dc_id) VALUES (?, ?, ?, ?, ?, ?)',
          ...[id, size, mimeType, fileName, date, dcId],
        )
        database.run(
          'INSERT INTO document_details VALUES (?, ?, ?, ?, ?, ?)',
          ...[id, kind, toTlJson(attributes)],
          ...[thumb?.bytes ?? null, thumb?.width ?? 0, thumb?.height ?? 0],
        )
        return document
      }),
    find: (id) => {
      const row = database.get<DocumentRow>(
        'SELECT * FROM documents LEFT JOIN document_details ON document_id = id WHERE id = ?',
        id,
      )
      return row ? toDocument(row) : null
    },
    migrate: (dcId, id) => {
      if (id === undefined) database.run('UPDATE documents SET dc_id = ?', dcId)
      else database.run('UPDATE documents SET dc_id = ? WHERE id = ?', dcId, id)
    },
  }
}

function toDocument(row: DocumentRow): Document {
  const { thumb_width: width, thumb_height: height, thumb: bytes } = row
  return {
    id: row.id,
    size: row.size,
    mimeType: row.mime_type,
    fileName: row.file_name,
    date: row.date,
    dcId: row.dc_id,
    kind: row.kind ?? 'document',
    attributes: objectsOf(row.attributes ?? '[]'),
    thumb: bytes && { width: width ?? 0, height: height ?? 0, bytes },
  }
}
