import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Sha256Compression } from 'aes-ige-native/sha256'
import { nativeSha256 } from './native-sha256.ts'
import { resumeSha256 } from './resumable-sha256.ts'

/** SHA-256 and CRC-32 (ZIP's) of bytes that come in their order. */
export interface FileHash {
  update: (bytes: Uint8Array) => void
  /** In lower-case hex. Ends the hash. */
  digest: () => { sha256: string; crc32: string }
}

/**
 * With the native module the CRC-32 takes no time of its own: one pass makes both. Without it, or with
 * `native: false`, Node makes them one after the other.
 */
export function createFileHash({ native }: { native: boolean }): FileHash {
  const sha256 = native ? nativeSha256() : null
  return sha256 === null ? createNodeHash() : createNativeHash(sha256)
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

function toHex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
