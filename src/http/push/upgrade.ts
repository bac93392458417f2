import type { IncomingMessage, ServerResponse } from 'node:http'

/** Sockets are opened at this path and a segment behind it. */
export const SOCKET_PATH = '/ws'

const OF_SOCKET = new RegExp(`^${SOCKET_PATH}/[^/?#]+(\\?|$)`)

/** How long a client has to take its refusal before the connection is cut. */
const LINGER_MS = 1_000
const UNREAD_MS = 60_000

/**
 * Whether a request opens a WebSocket of this worker by the rules of RFC 6455, section 4.2.1. Any
 * other `Upgrade` is ignored, as RFC 9110, section 7.8, allows: Node's server stops reading an
 * upgraded connection, so one that is not handled would stay open for ever.
 */
export function opensSocket({ method, url, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    OF_SOCKET.test(url ?? '') &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  )
}

/**
 * Ends the connection of a refused WebSocket after its answer. Node's server does not: it no longer
 * handles the connection after the upgrade.
 */
export function endWithAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  const cutAfter = (ms: number): void => {
    setTimeout(() => socket.destroy(), ms).unref()
  }
  // For a client that reads nothing, so that the answer is never sent.
  cutAfter(UNREAD_MS)
  response.once('finish', () => {
    socket.end()
    cutAfter(LINGER_MS)
  })
}
