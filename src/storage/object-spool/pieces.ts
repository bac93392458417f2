import { createHash } from 'node:crypto'
import type { ChunkName } from '../../core/ports/spool.ts'
import { AppError } from '../../errors.ts'
import { abortableSource } from '../spool/abortable-source.ts'
import { type PieceKey, parsePieceKey, piecesPrefix } from './keys.ts'
import type { ObjectStore } from './object-store.ts'

/** A piece of a chunk that is not whole yet, as the store has it. */
export interface StoredPiece extends PieceKey {
  readonly key: string
}

/**
 * The pieces that lie one behind the other from the chunk's first byte on, and how far they reach. Of
 * two that begin at one place the longer one counts: the sender was told of it last.
 */
export function chainPieces(pieces: readonly StoredPiece[]): StoredPiece[] {
  const chain: StoredPiece[] = []
  for (let at = 0; ; ) {
    const next = pieces
      .filter(({ from, to }) => from === at && to > from)
      .reduce<StoredPiece | null>(
        (best, piece) => (best && best.to >= piece.to ? best : piece),
        null,
      )
    if (next === null) return chain
    chain.push(next)
    at = next.to
  }
}

export function lengthOf(chain: readonly StoredPiece[]): number {
  return chain.at(-1)?.to ?? 0
}

/** The pieces of a chunk that the store has, in no order. */
export async function listPieces(
  store: Pick<ObjectStore, 'list'>,
  { upload, index }: ChunkName,
): Promise<StoredPiece[]> {
  const pieces: StoredPiece[] = []
  for await (const { objects } of store.list({ prefix: piecesPrefix(upload, index) })) {
    for (const { key } of objects) {
      const piece = parsePieceKey(upload, key)
      if (piece) pieces.push({ ...piece, key })
    }
  }
  return pieces
}

/** A source that never fails: it ends where the other one did, and says why. */
export interface SalvagedSource {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Why it ended early; null: it did not. */
  readonly failure: { error: unknown } | null
}

/**
 * What a source gives before it breaks off, before the signal aborts, or before it is too much. What
 * is too much was not told to its sender as taken.
 */
export function salvage(
  source: AsyncIterable<Uint8Array>,
  { room, signal }: { room: number; signal: AbortSignal },
): SalvagedSource {
  let failure: SalvagedSource['failure'] = null
  async function* bytes(): AsyncGenerator<Uint8Array> {
    let size = 0
    try {
      for await (const piece of abortableSource(source, signal)) {
        size += piece.byteLength
        if (size > room) throw new AppError('CHUNK_TOO_LARGE', `Over ${room} bytes`)
        yield piece
      }
    } catch (error) {
      failure = { error }
    }
  }
  return {
    bytes: bytes(),
    get failure() {
      return failure
    },
  }
}

/** SHA-256 of all that it gives, hex. */
export async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}
