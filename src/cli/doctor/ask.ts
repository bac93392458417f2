/** What an address answered; null fields where it did not. */
export interface Asked {
  status: number
  date: Date | null
  body: Record<string, unknown> | null
}

const TIMEOUT_MS = 15_000

/** One GET or POST of a form; null when nobody answers. No address gets into an error. */
export async function ask(
  address: string,
  signal: AbortSignal,
  fields?: Record<string, string>,
): Promise<Asked | null> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await fetch(address, {
      signal: AbortSignal.any([signal, timeout]),
      redirect: 'manual',
      ...(fields && { method: 'POST', body: new URLSearchParams(fields) }),
    })
    const date = new Date(response.headers.get('date') ?? Number.NaN)
    const text = await response.text()
    return {
      status: response.status,
      date: Number.isNaN(date.getTime()) ? null : date,
      body: parse(text),
    }
  } catch {
    signal.throwIfAborted()
    return null
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
