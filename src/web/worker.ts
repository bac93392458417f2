import { type Client, createClient, TeleStoreError } from 'telestore-client'
import { MiB } from '../lib/units.ts'
import type { Session } from './state/session.ts'
import { WORKER_PATH } from './worker-path.ts'

/** What the worker tells about itself without a login. */
export interface WorkerTerms {
  maxFileBytes: number
  /** In the demo every token with this beginning is valid; elsewhere null. */
  tokensBeginWith: string | null
}

export const DEFAULT_TERMS: WorkerTerms = { maxFileBytes: 2000 * MiB, tokensBeginWith: null }

export async function readTerms(): Promise<WorkerTerms> {
  const response = await fetch(`${WORKER_PATH}/`, { headers: { accept: 'application/json' } })
  const answer: unknown = await response.json()
  if (typeof answer !== 'object' || answer === null) return DEFAULT_TERMS
  const maxFileBytes: unknown = Reflect.get(answer, 'max_file_bytes')
  const tokensBeginWith: unknown = Reflect.get(answer, 'tokens_begin_with')
  return {
    maxFileBytes: typeof maxFileBytes === 'number' ? maxFileBytes : DEFAULT_TERMS.maxFileBytes,
    tokensBeginWith: typeof tokensBeginWith === 'string' ? tokensBeginWith : null,
  }
}

/** Returns a client for the user that is signed in. */
export function createPageClient(session: Session): Client {
  return createClient({ url: WORKER_PATH, token: session.lastToken })
}

/** Rejects with the sentence of the worker when it refuses the token. */
export async function checkToken(token: string): Promise<void> {
  const client = createClient({ url: WORKER_PATH, token })
  try {
    await client.get('/jobs')
  } catch (error) {
    if (error instanceof TeleStoreError && error.code === 'NOT_FOUND') {
      // This worker has no list of jobs. It checks the token for a link as well.
      await client.ticket(1, { expiresIn: 1 })
      return
    }
    throw error
  }
}
