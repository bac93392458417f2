import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { CredentialsProvider } from '../ports/credentials.ts'

const KNOWN_MS = 600_000
const MAX_KNOWN = 10_000

/** What is known of a good token. */
export interface KnownToken {
  /** The user of a login token; null for a token that only opens a link. */
  userId: string | null
}

/** Tokens that were found good within the last ten minutes, by their hashes. */
export interface KnownTokens {
  /** Null for a token that nothing is known of. */
  find: (token: string) => KnownToken | null
  /** A link with this token has opened its file. */
  addLink: (token: string) => void
  /** The same provider; what it finds good is known, what it refuses no more. */
  watch: (provider: CredentialsProvider) => CredentialsProvider
}

export interface KnownTokensOptions {
  /** Called with a login token that was found good, and was not known. */
  onLogin?: (userId: string, token: string) => void
}

export function createKnownTokens({ onLogin }: KnownTokensOptions = {}): KnownTokens {
  const known = createTtlCache<KnownToken>({ maxEntries: MAX_KNOWN })
  const find = (token: string): KnownToken | null => known.get(nameOf(token)) ?? null
  function add(token: string, found: KnownToken): void {
    const name = nameOf(token)
    const isNew = known.get(name) === undefined
    known.set(name, found, KNOWN_MS)
    if (isNew && found.userId !== null) onLogin?.(found.userId, token)
  }

  /** `describe`: what there is to know of the token; null when it must stay unknown. */
  async function judged<V>(
    token: string,
    answer: Promise<V>,
    describe: (value: V) => KnownToken | null,
  ): Promise<V> {
    try {
      const value = await answer
      const found = describe(value)
      if (found) add(token, found)
      return value
    } catch (error) {
      const refused = error instanceof AppError && !error.retryable
      if (refused) known.delete(nameOf(token))
      throw error
    }
  }

  return {
    find,
    addLink: (token) => add(token, find(token) ?? { userId: null }),
    watch: ({ forUpload, forRunningUpload, forDownload }) => ({
      forUpload: (token) => judged(token, forUpload(token), ({ userId }) => ({ userId })),
      forRunningUpload: (token, runs) =>
        judged(token, forRunningUpload(token, runs), ({ userId }) => ({ userId })),
      forDownload: (token) =>
        judged(token, forDownload(token), ({ kind, messageId, credentials }) => {
          if (kind === 'login') return { userId: credentials.userId }
          // With a download token that names no message its holder could still try messages out.
          return messageId === null ? null : { userId: null }
        }),
    }),
  }
}

function nameOf(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
