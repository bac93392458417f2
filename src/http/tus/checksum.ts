import { createHash, type Hash } from 'node:crypto'
import type { ByteSource } from '../../core/model/stream.ts'
import { AppError } from '../../errors.ts'

/** The best one first; the protocol demands SHA-1. */
export const CHECKSUM_ALGORITHMS = ['sha256', 'sha1', 'md5']

/** A source whose bytes are hashed, and the check of their digest. */
export interface CheckedSource {
  readonly source: ByteSource
  /** Throws CHECKSUM_MISMATCH. Null if the request has no checksum. */
  readonly confirm: (() => void) | null
}

/**
 * Hashes a request's bytes by its `Upload-Checksum`. Throws INVALID_REQUEST for an unknown
 * algorithm.
 */
export function checked(source: ByteSource, header: string | undefined): CheckedSource {
  if (header === undefined) return { source, confirm: null }
  const [, algorithm = '', digest = ''] = /^(\w+) ([A-Za-z0-9+/]+=*)$/.exec(header) ?? []
  if (!CHECKSUM_ALGORITHMS.includes(algorithm)) {
    const known = CHECKSUM_ALGORITHMS.join(', ')
    throw new AppError('INVALID_REQUEST', `Upload-Checksum: expected one of ${known} and base64`, {
      details: { field: 'Upload-Checksum' },
    })
  }
  const hash = createHash(algorithm)
  return {
    source: { ...source, bytes: hashed(source.bytes, hash) },
    confirm: () => {
      if (hash.digest().equals(Buffer.from(digest, 'base64'))) return
      throw new AppError('CHECKSUM_MISMATCH', 'The bytes are not those of the checksum', {
        retryAfter: 1,
      })
    },
  }
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash) {
  for await (const piece of bytes) {
    hash.update(piece)
    yield piece
  }
}
