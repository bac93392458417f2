import { sleep } from '../../../src/lib/waiting/sleep.ts'
import type { History } from './history.ts'

/** A request that a node died under, or that nobody could take: it may have been carried out. */
export class Interrupted extends Error {}

export interface Answer {
  status: number
  headers: Headers
  /** Parsed where it is JSON, else text. */
  body: unknown
}

/** What a client of the cluster needs. */
export interface Caller {
  /** The load balancer. */
  url: string
  token: string
  history: History
  /** Aborts when the round is given up. */
  signal: AbortSignal
}

/** Answers that say nothing of the request but that it may be sent again. */
const PASSING = new Set([408, 425, 429, 502, 503, 504, 507])
const REQUEST_MS = 30_000

/**
 * Sends one request. Rejects with Interrupted where it has to be sent again; waits before that as long
 * as the answer says.
 */
export async function ask(
  { url, history, signal }: Pick<Caller, 'url' | 'history' | 'signal'>,
  path: string,
  { ms = REQUEST_MS, ...init }: RequestInit & { ms?: number } = {},
): Promise<Answer> {
  signal.throwIfAborted()
  const both = AbortSignal.any([signal, AbortSignal.timeout(ms)])
  const answer = await fetch(`${url}${path}`, { ...init, signal: both })
    .then(async (response) => {
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.startsWith('application/json')
      const body: unknown = isJson && text !== '' ? JSON.parse(text) : text
      return { status: response.status, headers: response.headers, body, isJson }
    })
    .catch(() => null)
  signal.throwIfAborted()
  if (answer === null) {
    await sleep(50)
    throw new Interrupted(`${path}: no answer`)
  }
  if (!PASSING.has(answer.status)) return answer
  history.add({ kind: 'refused', path: path.replace(/\d\S+/, '…'), status: answer.status })
  const retryAfter = answer.headers.get('retry-after')
  // What HAProxy says in its own name has no JSON.
  if (answer.isJson && answer.status === 503 && retryAfter === null)
    history.add({ kind: 'odd', what: `${path}: 503 without Retry-After: ${inWords(answer)}` })
  await sleep(Math.min(2_000, 200 + 1_000 * Number(retryAfter ?? 0)))
  throw new Interrupted(`${path}: ${answer.status}`)
}

export function inWords({ status, body }: Answer): string {
  return `${status} ${typeof body === 'string' ? body.slice(0, 200) : JSON.stringify(body)}`
}

/** Runs the steps again for as long as they are interrupted. */
export async function insist<T>(steps: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await steps()
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
    }
  }
}

export function jsonOf(body: object): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
}
