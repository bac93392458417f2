import { createHash } from 'node:crypto'
import { AppError } from '../errors.ts'
import { createTtlCache } from '../lib/ttl-cache.ts'
import type { CredentialsProvider } from './ports/credentials.ts'

const KNOWN_MS = 600_000
const MAX_KNOWN = 10_000

/** Tokens that were found good within the last ten minutes, by their hashes. */
export interface KnownTokens {
  has: (token: string) => boolean
  add: (token: string) => void
  /** The same provider; what it finds good is known, what it refuses no more. */
  watch: (provider: CredentialsProvider) => CredentialsProvider
}

export function createKnownTokens(): KnownTokens {
  const known = createTtlCache<true>({ maxEntries: MAX_KNOWN })
  const add = (token: string): void => known.set(nameOf(token), true, KNOWN_MS)

  async function judged<V>(
    token: string,
    answer: Promise<V>,
    isGood: (value: V) => boolean = () => true,
  ): Promise<V> {
    try {
      const value = await answer
      if (isGood(value)) add(token)
      return value
    } catch (error) {
      const refused = error instanceof AppError && !error.retryable
      if (refused) known.delete(nameOf(token))
      throw error
    }
  }

  return {
    has: (token) => known.get(nameOf(token)) !== undefined,
    add,
    watch: ({ forUpload, forRunningUpload, forDownload }) => ({
      forUpload: (token) => judged(token, forUpload(token)),
      forRunningUpload,
      // With a download token that names no message its holder could still try messages out.
      forDownload: (token) =>
        judged(
          token,
          forDownload(token),
          ({ kind, messageId }) => kind === 'login' || messageId !== null,
        ),
    }),
  }
}

function nameOf(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
