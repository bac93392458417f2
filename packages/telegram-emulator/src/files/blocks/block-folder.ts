import { createHash } from 'node:crypto'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createKeyedLock } from '../../lib/keyed-lock.ts'
import type { Store } from '../../store/store.ts'

/** Blocks of bytes under their SHA-256: bytes that come again take no room. */
export interface BlockFolder {
  /** Keeps the bytes; `saveRows` then makes the rows that need them. Returns its result. */
  put: <T>(bytes: Uint8Array, saveRows: (hash: string) => T) => Promise<T>
  /** Reads bytes of a block. */
  read: (hash: string, offset: number, target: Uint8Array) => Promise<void>
  /** Removes blocks that have lost their last row, unless they have one again. */
  remove: (hashes: readonly string[]) => Promise<void>
}

export function createBlockFolder(store: Store): BlockFolder {
  /** A block is not removed while it is put. */
  const lock = createKeyedLock()
  const pathOf = (hash: string): string => join(store.blocksFolder, hash)

  return {
    put: (bytes, saveRows) => {
      const hash = createHash('sha256').update(bytes).digest('hex')
      return lock.run(hash, async () => {
        if (!store.blocks.isKept(hash)) {
          const path = join(store.spoolFolder, `block-${hash}`)
          await writeFile(path, bytes)
          await rename(path, pathOf(hash))
        }
        return saveRows(hash)
      })
    },
    read: async (hash, offset, target) => {
      const file = await open(pathOf(hash), 'r')
      try {
        await file.read(target, 0, target.length, offset)
      } finally {
        await file.close()
      }
    },
    remove: async (hashes) => {
      for (const hash of hashes) {
        await lock.run(hash, async () => {
          if (!store.blocks.isKept(hash)) await rm(pathOf(hash), { force: true })
        })
      }
    },
  }
}
