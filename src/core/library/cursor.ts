import { createHmac, timingSafeEqual } from 'node:crypto'
import type {
  LibraryKey,
  LibraryPosition,
  LibraryQuery,
  OrderPosition,
} from '../ports/catalogue.ts'

const TAG_BYTES = 12

/** What a cursor belongs to. The limit may be another one for each page. */
export interface CursorQuery extends Omit<LibraryQuery, 'after' | 'limit'> {
  key: LibraryKey
}

/** Places between two pages, as text that means something for one query alone. */
export interface LibraryCursors {
  encode: (position: LibraryPosition, query: CursorQuery) => string
  /** Null unless `encode` has made it for this query. */
  decode: (cursor: string, query: CursorQuery) => LibraryPosition | null
}

/** Cursors are signed: what comes back is what was given out, so nothing in it needs a check. */
export function createCursors(secret: Buffer): LibraryCursors {
  function tagOf(body: Buffer, query: CursorQuery): Buffer {
    const { key, path, recursive, words, kind, sort, descending } = query
    const names = [key.owner, key.channelId, path, recursive, words, kind, sort, descending]
    const hmac = createHmac('sha256', secret)
      .update(JSON.stringify(names))
      .update('\0')
      .update(body)
    return hmac.digest().subarray(0, TAG_BYTES)
  }

  return {
    encode: ({ file, folder }, query) => {
      const body = Buffer.from(JSON.stringify([file, folder].map(toText)))
      return Buffer.concat([tagOf(body, query), body]).toString('base64url')
    },
    decode: (cursor, query) => {
      const bytes = Buffer.from(cursor, 'base64url')
      const [tag, body] = [bytes.subarray(0, TAG_BYTES), bytes.subarray(TAG_BYTES)]
      if (tag.length < TAG_BYTES || !timingSafeEqual(tag, tagOf(body, query))) return null
      const places: unknown = JSON.parse(body.toString())
      if (!Array.isArray(places)) return null
      const [file, folder] = places.map(toPosition)
      return file && folder ? { file, folder } : null
    },
  }
}

function toText(position: OrderPosition): unknown {
  return typeof position === 'string' ? position : [position.value, position.id]
}

function toPosition(text: unknown): OrderPosition | null {
  if (text === 'start' || text === 'end') return text
  const [value, id]: unknown[] = Array.isArray(text) ? text : []
  const isValue = typeof value === 'string' || typeof value === 'number'
  return isValue && typeof id === 'number' ? { value, id } : null
}
