import { open, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_BLOCK_BYTES } from '../../store/blocks.ts'
import type { Store } from '../../store/store.ts'
import type { DocumentBytes } from '../bytes.ts'
import type { BlockFolder } from './block-folder.ts'

/** Each document is a list of blocks. */
export function createBlockDocuments(store: Store, folder: BlockFolder): DocumentBytes {
  const { blocks } = store

  const sizeOf = (documentId: string): number => store.documents.find(documentId)?.size ?? 0

  /** The bytes from `start` up to `end`, in pieces of at most a block. */
  async function* pieces(documentId: string, start: number, end: number): AsyncGenerator<Buffer> {
    for (const block of blocks.blocksBetween(documentId, start, end)) {
      const from = Math.max(0, start - block.start)
      const piece = Buffer.allocUnsafe(Math.min(block.size, end - block.start) - from)
      await folder.read(block.hash, from, piece)
      yield piece
    }
  }

  return {
    adopt: async (documentId, path) => {
      const { size } = await stat(path)
      const file = await open(path, 'r')
      try {
        for (let start = 0; start < size; start += MAX_BLOCK_BYTES) {
          const bytes = Buffer.allocUnsafe(Math.min(MAX_BLOCK_BYTES, size - start))
          await file.read(bytes, 0, bytes.length, start)
          await folder.put(bytes, (hash) =>
            blocks.addDocument(documentId, [{ hash, start, size: bytes.length }]),
          )
        }
      } finally {
        await file.close()
      }
      await rm(path)
    },
    read: async (documentId, offset, limit) => {
      const end = Math.min(offset + limit, sizeOf(documentId))
      const found: Buffer[] = []
      for await (const piece of pieces(documentId, offset, end)) found.push(piece)
      return Buffer.concat(found)
    },
    stream: (documentId, range) =>
      pieces(documentId, range?.start ?? 0, (range?.end ?? sizeOf(documentId) - 1) + 1),
    localPath: async (documentId) => {
      const path = join(store.documentsFolder, documentId)
      await writeFile(path, pieces(documentId, 0, sizeOf(documentId)))
      return path
    },
  }
}
