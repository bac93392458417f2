import { createHmac, timingSafeEqual } from 'node:crypto'

export type HashedKind = 'channel' | 'document' | 'user'

export type ReferenceCheck = 'valid' | 'expired' | 'invalid'

/** Access hashes and file references: computed, not kept, so they survive a restart. */
export interface Hashes {
  /** The hash by which one account, and no other, may name a thing. */
  access: (kind: HashedKind, accountId: number, id: string | number) => bigint
  reference: (accountId: number, documentId: string) => Uint8Array
  checkReference: (reference: Uint8Array, accountId: number, documentId: string) => ReferenceCheck
  /** Ends every file reference given out so far. */
  expireReferences: () => void
}

export interface HashesOptions {
  secret: Buffer
  referenceTtlMs: () => number
}

const REFERENCE_LENGTH = 25

export function createHashes({ secret, referenceTtlMs }: HashesOptions): Hashes {
  let validFrom = 0

  const sign = (text: string): Buffer => createHmac('sha256', secret).update(text).digest()

  function makeReference(accountId: number, documentId: string, madeAt: number): Buffer {
    const head = Buffer.alloc(9)
    head.writeUInt8(2, 0)
    head.writeBigUInt64BE(BigInt(madeAt), 1)
    const signature = sign(`reference:${accountId}:${documentId}:${madeAt}`)
    return Buffer.concat([head, signature.subarray(0, REFERENCE_LENGTH - head.length)])
  }

  return {
    access: (kind, accountId, id) => sign(`${kind}:${accountId}:${id}`).readBigInt64BE(0),
    reference: (accountId, documentId) =>
      makeReference(accountId, documentId, Math.max(Date.now(), validFrom)),
    checkReference: (reference, accountId, documentId) => {
      if (reference.length !== REFERENCE_LENGTH) return 'invalid'
      const madeAt = Number(Buffer.from(reference).readBigUInt64BE(1))
      if (!timingSafeEqual(reference, makeReference(accountId, documentId, madeAt)))
        return 'invalid'
      return madeAt >= validFrom && Date.now() < madeAt + referenceTtlMs() ? 'valid' : 'expired'
    },
    expireReferences: () => {
      // Later than any reference made in this very millisecond.
      validFrom = Math.max(Date.now(), validFrom) + 1
    },
  }
}
