import { createHash } from 'node:crypto'
import { badRequest } from '../../rpc-error.ts'
import type { PlacedBlock } from '../../store/blocks.ts'
import type { Store } from '../../store/store.ts'
import type { PartBytes, PartsOfFile } from '../bytes.ts'
import type { BlockFolder } from './block-folder.ts'

/** Each part is a block, and a document is a list of them. */
export function createBlockParts(store: Store, folder: BlockFolder): PartBytes {
  const { blocks } = store

  function placesOf({ upload, parts }: PartsOfFile): PlacedBlock[] {
    const hashes = blocks.partBlocks(upload.accountId, upload.fileId)
    let start = 0
    return parts.flatMap(({ part, size }) => {
      const place = { hash: hashes.get(part) ?? '', start, size }
      start += size
      // A stream may end with an empty part.
      return size === 0 ? [] : [place]
    })
  }

  /** For small files: up to 10 MB. */
  async function readAll(places: readonly PlacedBlock[], size: number): Promise<Buffer> {
    const whole = Buffer.alloc(size)
    for (const { hash, start, size: length } of places)
      await folder.read(hash, 0, whole.subarray(start, start + length))
    return whole
  }

  return {
    place: ({ accountId, fileId }, { part, bytes }) =>
      Promise.resolve({
        apart: false,
        write: async (saveRow) => {
          const unneeded = await folder.put(bytes, (hash) =>
            store.transaction(() => {
              saveRow()
              return blocks.setPart({ accountId, fileId, part }, hash)
            }),
          )
          if (unneeded !== null) await folder.remove([unneeded])
        },
      }),
    join: async (file) => {
      const places = placesOf(file)
      const { claim, size } = file
      if (!claim.big && claim.md5 !== '') {
        const md5 = createHash('md5').update(await readAll(places, size))
        if (md5.digest('hex') !== claim.md5.toLowerCase()) throw badRequest('MD5_CHECKSUM_INVALID')
      }
      return {
        toDocument: async (documentId) => blocks.addDocument(documentId, places),
        read: () => readAll(places, size),
      }
    },
    // A document has its own list: it stays as it is whatever becomes of the parts.
    reopen: () => Promise.resolve(),
    remove: ({ accountId, fileId }, parts) =>
      folder.remove(blocks.removeParts(accountId, fileId, parts)),
    close: () => Promise.resolve(),
  }
}
