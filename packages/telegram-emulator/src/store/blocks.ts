import type { Database } from './database.ts'

/** Where a block stands in a document. */
export interface PlacedBlock {
  hash: string
  start: number
  size: number
}

/** Which block each part and each place of a document is, and how many of them share a block. */
export interface BlockRows {
  isKept: (hash: string) => boolean
  /** Makes a block that of a part. Returns the one that the part had before, where none needs it now. */
  setPart: (part: PartName, hash: string) => string | null
  partBlocks: (accountId: number, fileId: string) => Map<number, string>
  /** Forgets parts, all of them without `parts`; returns the blocks that none needs now. */
  removeParts: (accountId: number, fileId: string, parts?: readonly number[]) => string[]
  addDocument: (documentId: string, blocks: readonly PlacedBlock[]) => void
  /** The blocks with bytes from `start` up to `end`, in their order. */
  blocksBetween: (documentId: string, start: number, end: number) => PlacedBlock[]
}

export interface PartName {
  accountId: number
  fileId: string
  part: number
}

/** No block has more bytes. */
export const MAX_BLOCK_BYTES = 512 * 1024

const OF_FILE = 'WHERE account_id = ? AND file_id = ?'

export function createBlockRows(database: Database): BlockRows {
  function refer(hash: string): void {
    database.run(
      'INSERT INTO blocks VALUES (?, 1) ON CONFLICT (hash) DO UPDATE SET refs = refs + 1',
      hash,
    )
  }

  /** Returns whether no part and no document has the block any more. */
  function release(hash: string): boolean {
    database.run('UPDATE blocks SET refs = refs - 1 WHERE hash = ?', hash)
    return database.run('DELETE FROM blocks WHERE hash = ? AND refs <= 0', hash) > 0
  }

  const blockOf = ({ accountId, fileId, part }: PartName): string | null =>
    database.get<{ hash: string }>(
      `SELECT hash FROM block_parts ${OF_FILE} AND part = ?`,
      ...[accountId, fileId, part],
    )?.hash ?? null

  const partBlocks = (accountId: number, fileId: string): Map<number, string> =>
    new Map(
      database
        .all<{ part: number; hash: string }>(
          `SELECT part, hash FROM block_parts ${OF_FILE}`,
          ...[accountId, fileId],
        )
        .map(({ part, hash }) => [part, hash]),
    )

  return {
    isKept: (hash) => database.get('SELECT 1 FROM blocks WHERE hash = ?', hash) !== undefined,
    setPart: (name, hash) =>
      database.transaction(() => {
        const before = blockOf(name)
        refer(hash)
        database.run(
          'INSERT OR REPLACE INTO block_parts VALUES (?, ?, ?, ?)',
          ...[name.accountId, name.fileId, name.part, hash],
        )
        return before !== null && release(before) ? before : null
      }),
    partBlocks,
    removeParts: (accountId, fileId, parts) =>
      database.transaction(() => {
        const unneeded: string[] = []
        for (const [part, hash] of partBlocks(accountId, fileId)) {
          if (parts && !parts.includes(part)) continue
          database.run(`DELETE FROM block_parts ${OF_FILE} AND part = ?`, accountId, fileId, part)
          if (release(hash)) unneeded.push(hash)
        }
        return unneeded
      }),
    addDocument: (documentId, blocks) => {
      database.transaction(() => {
        for (const { hash, start, size } of blocks) {
          refer(hash)
          database.run(
            'INSERT INTO block_documents VALUES (?, ?, ?, ?)',
            ...[documentId, start, size, hash],
          )
        }
      })
    },
    blocksBetween: (documentId, start, end) =>
      database.all<PlacedBlock>(
        'SELECT hash, start, size FROM block_documents WHERE document_id = ? AND start > ? AND start < ? AND start + size > ? ORDER BY start',
        ...[documentId, start - MAX_BLOCK_BYTES, end, start],
      ),
  }
}
