import { type Client, createClient, TeleStoreError } from 'telestore-client'
import type { Session } from './state/session.ts'

/** The path the page lies at: the worker may be mounted below one. */
export const WORKER_PATH = new URL('.', location.href).pathname.replace(/\/$/, '')

const MB = 1024 * 1024

/** What the worker says of itself before anybody has signed in. */
export interface WorkerTerms {
  maxFileBytes: number
  /** Any token that begins so is good, in the demo; null where tokens are given out. */
  tokensBeginWith: string | null
}

export const DEFAULT_TERMS: WorkerTerms = { maxFileBytes: 2000 * MB, tokensBeginWith: null }

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

/** The worker for whoever is signed in. */
export function createPageClient(session: Session): Client {
  return createClient({ url: WORKER_PATH, token: session.lastToken })
}

/** Rejects with the worker's own sentence when it does not take the token. */
export async function checkToken(token: string): Promise<void> {
  const client = createClient({ url: WORKER_PATH, token })
  try {
    await client.get('/jobs')
  } catch (error) {
    if (error instanceof TeleStoreError && error.code === 'NOT_FOUND') {
      // A worker without a list of jobs. A link that nobody gets asks for the token as well.
      await client.ticket(1, { expiresIn: 1 })
      return
    }
    throw error
  }
}
