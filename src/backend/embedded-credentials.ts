import { z } from 'zod'
import type { Credentials, CredentialsProvider } from '../core/ports/credentials.ts'
import { AppError } from '../errors.ts'
import { createTtlCache } from '../lib/ttl-cache.ts'
import { exchange } from './http-exchange.ts'
import { hashToken, isSendableToken } from './token.ts'

const ACCOUNT_TTL_MS = 3_600_000

/** How the tokens of the demo begin. */
export const DEMO_TOKENS_BEGIN_WITH = 'demo'

export interface EmbeddedCredentialsOptions {
  /** The control endpoint of the Telegram that the worker started beside itself. */
  controlRoot: string
  timeoutMs?: number
  maxEntries?: number
}

const Account = z.object({
  apiId: z.int().positive(),
  apiHash: z.string().min(1),
  telethonSession: z.string().min(1),
  botToken: z.string().min(1),
  channelId: z.string().min(1),
})

/**
 * Credentials of the demo: each token that begins with `demo` is a user with an account and a
 * channel of its own, made when it is first seen. Other tokens reject with TOKEN_REFUSED,
 * everything with BACKEND_UNAVAILABLE while the control endpoint does not answer.
 */
export function createEmbeddedCredentials({
  controlRoot,
  timeoutMs = 5_000,
  maxEntries = 1_000,
}: EmbeddedCredentialsOptions): CredentialsProvider {
  const accounts = createTtlCache<Credentials>({ maxEntries })
  const url = new URL(`${controlRoot.replace(/\/+$/, '')}/accounts`)

  async function openAccount(label: string): Promise<Credentials> {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ label }),
    }
    const answer = await exchange(url, { init, timeoutMs })
    const account = Account.safeParse(answer.body).data
    if (answer.status >= 300 || !account) {
      throw new AppError('BACKEND_UNAVAILABLE', 'The built-in Telegram gave no account', {
        retryAfter: 5,
      })
    }
    const { telethonSession: session, ...rest } = account
    return { userId: label, session, ...rest }
  }

  async function forUpload(token: string): Promise<Credentials> {
    if (!token.startsWith(DEMO_TOKENS_BEGIN_WITH) || !isSendableToken(token)) {
      throw new AppError('TOKEN_REFUSED', 'Tokens of this demo begin with "demo", such as demo-1')
    }
    const label = hashToken(token)
    return accounts.load(
      label,
      () => openAccount(label),
      () => ACCOUNT_TTL_MS,
    )
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
