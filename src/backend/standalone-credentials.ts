import { timingSafeEqual } from 'node:crypto'
import type { Credentials, CredentialsProvider } from '../core/ports/credentials.ts'
import { tokenRefused } from './refusal.ts'
import { hashToken } from './token.ts'

export interface StandaloneCredentialsOptions {
  /** The tokens of `AUTH_TOKENS`; each is a user of its own. */
  tokens: readonly string[]
  /** The one Telegram account that all of them share. */
  credentials: Omit<Credentials, 'userId'>
}

/** Credentials from the environment. Every token that is not listed rejects with TOKEN_REFUSED. */
export function createStandaloneCredentials({
  tokens,
  credentials,
}: StandaloneCredentialsOptions): CredentialsProvider {
  const hashes = tokens.map((token) => Buffer.from(hashToken(token)))

  async function forUpload(token: string): Promise<Credentials> {
    const userId = hashToken(token)
    const hash = Buffer.from(userId)
    // Every token is compared, and hashes instead of tokens: the time taken tells nothing.
    const known = hashes.filter((candidate) => timingSafeEqual(candidate, hash)).length > 0
    if (!known) throw tokenRefused()
    return { ...credentials, userId }
  }

  return {
    forUpload,
    forRunningUpload: forUpload,
    forDownload: async (token) => ({
      credentials: await forUpload(token),
      kind: 'login',
      messageId: null,
    }),
  }
}
