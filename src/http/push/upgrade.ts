import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a client has to take its refusal before the connection is cut. */
const LINGER_MS = 1_000
const UNREAD_MS = 60_000

/**
 * Whether a request opens a WebSocket of ours, whole and by the rules (RFC 6455, section 4.2.1).
 * Any other `Upgrade` is left alone, as RFC 9110, section 7.8 allows: an upgraded connection is
 * no longer read by Node's server, and one that nobody then speaks on would stay for ever.
 */
export function opensSocket({ method, url, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    /^\/ws\/[^/?#]+(\?|$)/.test(url ?? '') &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  )
}

/**
 * Ends the connection of a refused WebSocket with its answer, which Node's server no longer does:
 * from the upgrade on it does not look after the connection.
 */
export function endWithAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  const cutAfter = (ms: number): void => {
    setTimeout(() => socket.destroy(), ms).unref()
  }
  // For one that reads nothing: its answer never leaves.
  cutAfter(UNREAD_MS)
  response.once('finish', () => {
    socket.end()
    cutAfter(LINGER_MS)
  })
}
