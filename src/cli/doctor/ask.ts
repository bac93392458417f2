import { readBounded } from '../../lib/read-bounded.ts'
import { MiB } from '../../lib/units.ts'

/** The answer of an address; fields that it lacks are null. */
export interface Asked {
  status: number
  date: Date | null
  /** The target of a redirect. */
  location: string | null
  body: Record<string, unknown> | null
}

export interface AskOptions {
  /** A form to post. */
  fields?: Record<string, string> | undefined
  token?: string | undefined
  timeoutMs?: number | undefined
}

const TIMEOUT_MS = 15_000
/** The doctor reads no longer answer. */
const MAX_BYTES = MiB

/** Sends one GET, or POST of a form. Resolves with null when there is no answer. */
export async function ask(
  address: string,
  signal: AbortSignal,
  options: AskOptions = {},
): Promise<Asked | null> {
  try {
    return await askOrThrow(address, signal, options)
  } catch {
    signal.throwIfAborted()
    return null
  }
}

/** The same, but rejects with the error of `fetch` when there is no answer, a TimeoutError among them. */
export async function askOrThrow(
  address: string,
  signal: AbortSignal,
  { fields, token, timeoutMs = TIMEOUT_MS }: AskOptions = {},
): Promise<Asked> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const response = await fetch(address, {
    signal: AbortSignal.any([signal, timeout]),
    redirect: 'manual',
    headers: { accept: 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    ...(fields && { method: 'POST', body: new URLSearchParams(fields) }),
  })
  const bytes = await readBounded(response.body, MAX_BYTES)
  const date = new Date(response.headers.get('date') ?? Number.NaN)
  return {
    status: response.status,
    date: Number.isNaN(date.getTime()) ? null : date,
    location: response.headers.get('location'),
    body: bytes && parse(bytes.toString()),
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
