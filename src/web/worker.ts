import { type Client, createClient, TeleStoreError } from 'telestore-client'
import { MiB } from '../lib/units.ts'
import { WORKER_PATH } from './worker-path.ts'

/** What the worker tells about itself without a login. */
export interface WorkerTerms {
  maxFileBytes: number
  /** In the demo every token with this beginning is valid; elsewhere null. */
  tokensBeginWith: string | null
  /** A backend keeps a list of its own, which changes in the library do not reach. */
  hasBackend: boolean
}

export const DEFAULT_TERMS: WorkerTerms = {
  maxFileBytes: 2000 * MiB,
  tokensBeginWith: null,
  hasBackend: false,
}

export async function readTerms(): Promise<WorkerTerms> {
  const response = await fetch(`${WORKER_PATH}/`, { headers: { accept: 'application/json' } })
  const answer: unknown = await response.json()
  if (typeof answer !== 'object' || answer === null) return DEFAULT_TERMS
  const maxFileBytes: unknown = Reflect.get(answer, 'max_file_bytes')
  const tokensBeginWith: unknown = Reflect.get(answer, 'tokens_begin_with')
  return {
    maxFileBytes: typeof maxFileBytes === 'number' ? maxFileBytes : DEFAULT_TERMS.maxFileBytes,
    hasBackend: Reflect.get(answer, 'backend_list') === true,
    tokensBeginWith: typeof tokensBeginWith === 'string' ? tokensBeginWith : null,
  }
}

/** Returns a client for the user that is signed in. */
export function createPageClient(token: () => string): Client {
  return createClient({ url: WORKER_PATH, token })
}

/** The same, whose requests go on when the page is left. */
export function createLastClient(token: () => string): Client {
  return createClient({
    url: WORKER_PATH,
    token,
    fetch: (input, init) => fetch(input, { ...init, keepalive: true }),
  })
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
