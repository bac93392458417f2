import { WORKER_PATH } from '../worker-path.ts'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000

export interface LiveOptions {
  /** The token for the next connection; null while no user is signed in. */
  token: () => string | null
  /** Called when the library has changed, and when that may have been missed. */
  onChange: () => void
  signal: AbortSignal
}

/** Listens to the socket of the worker until the signal aborts, and connects again when it breaks. */
export function followChanges({ token, onChange, signal }: LiveOptions): void {
  let socket: WebSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let pause = FIRST_PAUSE_MS
  let wasOpen = false

  function connect(): void {
    const known = token()
    if (known === null) {
      connectLater()
      return
    }
    const address = new URL(`${WORKER_PATH}/ws/me`, location.href)
    address.protocol = address.protocol.replace('http', 'ws')
    address.searchParams.set('token', known)
    const opening = new WebSocket(address)
    socket = opening
    socket.onopen = () => {
      // It was opening at that time, and a browser complains about those that are closed then.
      if (signal.aborted) opening.close()
      pause = FIRST_PAUSE_MS
      if (wasOpen) onChange()
      wasOpen = true
    }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isChange(data)) onChange()
    }
    socket.onclose = connectLater
  }

  function connectLater(): void {
    if (signal.aborted) return
    timer = setTimeout(connect, pause)
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
  }

  const connectNow = (): void => {
    if (socket?.readyState === WebSocket.OPEN || socket?.readyState === WebSocket.CONNECTING) return
    clearTimeout(timer)
    connect()
  }
  addEventListener('online', connectNow, { signal })
  addEventListener('focus', connectNow, { signal })
  signal.addEventListener('abort', () => {
    clearTimeout(timer)
    if (socket?.readyState === WebSocket.OPEN) socket.close()
  })
  connect()
}

function isChange(data: unknown): boolean {
  // Progress of uploads comes often: it is not parsed for this.
  return typeof data === 'string' && data.startsWith('{"type":"library_changed"')
}
