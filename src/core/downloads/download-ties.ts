import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { DownloadTieRecords } from '../ports/cluster/download-ties.ts'

/** Download tokens live for an hour; a token is tied to its message for as long as it can be used. */
const TIED_MS = 2 * 3_600_000
const MAX_TIES = 50_000

/**
 * Download tokens that name no message are tied to the first one that is read with them: a link is for one
 * file, whatever its holder types into it. `token` is a hash of the token.
 */
export interface DownloadTies {
  /** Null: nothing was read with it yet. */
  messageOf: (token: string) => Promise<number | null>
  /** Ties the token, unless it is tied already; resolves with the message that it opens. */
  tie: (token: string, messageId: number) => Promise<number>
}

/** Of a worker that is alone: it remembers them for as long as it lives. */
export function createOwnTies(): DownloadTies {
  const ties = createTtlCache<number>({ maxEntries: MAX_TIES })
  return {
    messageOf: async (token) => ties.get(token) ?? null,
    tie: async (token, messageId) => {
      const known = ties.get(token) ?? messageId
      ties.set(token, known, TIED_MS)
      return known
    },
  }
}

/** Of a cluster: rows say what a token opens, and a node remembers what it has seen, which never changes. */
export function createSharedTies(records: DownloadTieRecords, now: () => number): DownloadTies {
  const seen = createTtlCache<number>({ maxEntries: MAX_TIES })

  function keep(token: string, messageId: number): number {
    seen.set(token, messageId, TIED_MS)
    return messageId
  }

  return {
    messageOf: async (token) => {
      const known = seen.get(token) ?? null
      if (known !== null) return known
      const tied = await records.tiedMessage(token, now())
      return tied === null ? null : keep(token, tied)
    },
    tie: async (token, messageId) => {
      const known = seen.get(token)
      if (known !== undefined) return known
      const time = now()
      const tie = { token, messageId, now: time, until: time + TIED_MS }
      return keep(token, await records.tieDownload(tie))
    },
  }
}
