import type { Credentials, CredentialsProvider, DownloadGrant } from '../core/ports/credentials.ts'
import { AppError } from '../errors.ts'
import { createTtlCache, type TtlCache } from '../lib/ttl-cache.ts'
import type { BackendClient } from './backend-client.ts'
import { hashToken, readTokenHints } from './token.ts'

const GRANT_TTL_MS = 3_600_000
const REFUSAL_TTL_MS = 5_000
/** How long an answer that was valid once may stand in for a backend that is down. */
const STALE_TTL_MS = 24 * 3_600_000

export interface BackendCredentialsOptions {
  client: Pick<BackendClient, 'credentials' | 'verifyDownloadToken'>
  /** Epoch milliseconds, for what tokens say of their end. */
  now?: () => number
  /** Milliseconds that only go forward, for how long an answer is kept. */
  elapsed?: () => number
  /** Tokens remembered at once, of each kind. */
  maxEntries?: number
}

/** Refusals are answers too: kept as values, so that they are cached for their few seconds. */
type TokenAnswer<V> = { granted: V } | { refused: AppError }

/**
 * Credentials from the TeleStore backend, asked once per token however many callers wait, and
 * kept for an hour or until the token's own end. Keys are hashes: no token stays in memory.
 */
export function createBackendCredentials({
  client,
  now = Date.now,
  elapsed,
  maxEntries = 5_000,
}: BackendCredentialsOptions): CredentialsProvider {
  // A clock that is set back must not make a grant live longer.
  const limits = { maxEntries, ...(elapsed && { now: elapsed }) }
  const logins = createTtlCache<TokenAnswer<Credentials>>(limits)
  const downloads = createTtlCache<TokenAnswer<DownloadGrant>>(limits)
  const lastGood = createTtlCache<Credentials>(limits)

  async function cached<V>(
    cache: TtlCache<TokenAnswer<V>>,
    token: string,
    ask: () => Promise<V>,
  ): Promise<V> {
    const ttlFor = (answer: TokenAnswer<V>): number =>
      'refused' in answer ? REFUSAL_TTL_MS : grantTtl(token, now())
    const answer = await cache.load(hashToken(token), () => answerOf(ask), ttlFor)
    if ('refused' in answer) throw answer.refused
    return answer.granted
  }

  async function forUpload(token: string): Promise<Credentials> {
    const key = hashToken(token)
    try {
      const credentials = await cached(logins, token, () => client.credentials(token))
      lastGood.set(key, credentials, STALE_TTL_MS)
      return credentials
    } catch (error) {
      if (!isUnavailable(error)) lastGood.delete(key)
      throw error
    }
  }

  const asLogin = async (token: string): Promise<DownloadGrant> => ({
    credentials: await forUpload(token),
    kind: 'login',
    messageId: null,
  })
  const asDownload = (token: string): Promise<DownloadGrant> =>
    cached(downloads, token, () => client.verifyDownloadToken(token))

  return {
    forUpload,
    forRunningUpload: async (token, runs) => {
      try {
        return await forUpload(token)
      } catch (error) {
        const stale = isUnavailable(error) ? lastGood.get(hashToken(token)) : undefined
        if (stale === undefined || (runs && !(await runs(stale)))) throw error
        return stale
      }
    },
    // The hint only says whom to ask first: what the token is, the backend decides.
    forDownload: (token) =>
      readTokenHints(token).looksLikeLogin
        ? firstNotRefused(asLogin, asDownload, token)
        : firstNotRefused(asDownload, asLogin, token),
  }
}

async function firstNotRefused(
  first: (token: string) => Promise<DownloadGrant>,
  second: (token: string) => Promise<DownloadGrant>,
  token: string,
): Promise<DownloadGrant> {
  try {
    return await first(token)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'TOKEN_REFUSED') throw error
    return second(token)
  }
}

async function answerOf<V>(ask: () => Promise<V>): Promise<TokenAnswer<V>> {
  try {
    return { granted: await ask() }
  } catch (error) {
    if (error instanceof AppError && !error.retryable) return { refused: error }
    throw error
  }
}

function grantTtl(token: string, now: number): number {
  const { expiresAt } = readTokenHints(token)
  return expiresAt === null ? GRANT_TTL_MS : Math.min(GRANT_TTL_MS, expiresAt - now)
}

function isUnavailable(error: unknown): boolean {
  return error instanceof AppError && error.code === 'BACKEND_UNAVAILABLE'
}
