import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { loadSha256, type Sha256Compression } from 'aes-ige-native/sha256'
import { resumeSha256 } from './resumable-sha256.ts'

/** SHA-256 and CRC-32 (ZIP's) of bytes that come in their order. */
export interface FileHash {
  update: (bytes: Uint8Array) => void
  /** In lower-case hex. Ends the hash. */
  digest: () => { sha256: string; crc32: string }
}

/** Of each process; undefined: not asked for yet. */
let loaded: Sha256Compression | null | undefined

/**
 * With the native module the CRC-32 takes no time of its own: one pass makes both. Without it, or with
 * `native: false`, Node makes them one after the other.
 */
export function createFileHash({ native }: { native: boolean }): FileHash {
  if (!native) return createNodeHash()
  if (loaded === undefined) loaded = loadRight()
  return loaded === null ? createNodeHash() : createNativeHash(loaded)
}

function createNodeHash(): FileHash {
  const sha256 = createHash('sha256')
  let crc = 0
  return {
    update: (bytes) => {
      sha256.update(bytes)
      crc = crc32(bytes, crc)
    },
    digest: () => ({ sha256: sha256.digest('hex'), crc32: toHex(crc) }),
  }
}

function createNativeHash({ compress, compressWithCrc }: Sha256Compression): FileHash {
  let crc = 0
  const sha256 = resumeSha256(
    {
      compress: (words, blocks) => {
        crc = compressWithCrc(words, blocks, crc)
      },
      // Its blocks end with bytes that are none of the file's.
      compressLast: compress,
    },
    null,
  )
  return {
    update: sha256.update,
    digest: () => ({ sha256: sha256.digest(), crc32: toHex(crc32(sha256.rest(), crc)) }),
  }
}

/** The native module has to hash as Node does, or is not used. */
function loadRight(): Sha256Compression | null {
  const found = loadSha256()
  if (found.kind === 'missing') return null
  const hashes = [createNodeHash(), createNativeHash(found.sha256)]
  const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at)
  for (const hash of hashes) for (const from of [0, 300]) hash.update(bytes.subarray(from))
  const [known, given] = hashes.map((hash) => JSON.stringify(hash.digest()))
  return known === given ? found.sha256 : null
}

function toHex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
