import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import type { SharedPlace, SharedReads } from '../../telegram/documents.ts'
import type { DocumentKey } from './local-documents.ts'

export interface SharedReaderOptions {
  shared: Pick<SharedReads, 'read'>
  /** Asks the node that has the account; null: only that node may read the document. */
  placeOf: (
    holder: NodeAddress,
    key: DocumentKey,
    signal: AbortSignal,
  ) => Promise<SharedPlace | null>
  now?: () => number
}

/** A document of an account that another node has, read by this one. */
export interface SharedReader {
  /** Null: the node that has the account is to be asked for these bytes. */
  read: (
    holder: NodeAddress,
    block: { offset: number; length: number; size: number },
    signal: AbortSignal,
  ) => Promise<Uint8Array | null>
}

/** Milliseconds for which a document that could not be read here is not tried again. */
const PAUSE_MS = 10_000

/**
 * Reads by connections of this node's own. Where that fails, because a file reference has ended or the
 * document has moved, the holder reads meanwhile, and finds the document's place anew.
 */
export function createSharedReader(key: DocumentKey, options: SharedReaderOptions): SharedReader {
  const { shared, placeOf, now = () => performance.now() } = options
  let place: Promise<SharedPlace | null> | null = null
  let pausedUntil = 0

  return {
    read: async (holder, block, signal) => {
      if (pausedUntil > now()) return null
      // All readers of the document share it, so that no reader's leaving ends it.
      const asked = place ?? placeOf(holder, key, new AbortController().signal)
      place = asked
      try {
        const known = await asked
        if (known !== null) return await shared.read(key.credentials, known, block, signal)
      } catch {
        signal.throwIfAborted()
      }
      if (place === asked) {
        place = null
        pausedUntil = now() + PAUSE_MS
      }
      return null
    },
  }
}
