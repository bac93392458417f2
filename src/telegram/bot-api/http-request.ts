import type { ClientRequest, RequestOptions } from 'node:http'

/** Not by `import`, which would load undici. */
const http = process.getBuiltinModule('node:http')
const https = process.getBuiltinModule('node:https')

export interface ExchangeTimeouts {
  /** For name, connection and TLS. */
  connectMs: number
  /** For the other side to take the next piece, or to send it. */
  stallMs: number
  /** From the last byte of the request to the first of the answer, and from there to its last. */
  answerMs: number
}

/**
 * Each request has a connection of its own, so that a failure is never that of a reused connection
 * that was dead already.
 */
export function openRequest(url: URL, options: RequestOptions): ClientRequest {
  return (url.protocol === 'https:' ? https : http).request(url, { ...options, agent: false })
}

/** Resolves when the request can be written, or never will be: till then nothing has been sent. */
export function connected(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    request.once('close', resolve)
    request.once('socket', (socket) => {
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => resolve())
    })
  })
}

export interface Watchdog {
  /** Something happened; the next thing must happen within this timeout. */
  expect: (timeout: keyof ExchangeTimeouts) => void
  /**
   * Whatever happens meanwhile, the answer, or the next piece of it that is waited for, must be
   * whole within this time: one may come in drips.
   */
  expectEnd: (milliseconds: number) => void
  /** Nothing is expected until the next call. */
  rest: () => void
  stop: () => void
}

export function createWatchdog(request: ClientRequest, timeouts: ExchangeTimeouts): Watchdog {
  let timer: NodeJS.Timeout | undefined
  let expected: keyof ExchangeTimeouts | null = null
  let endTimer: NodeJS.Timeout | undefined
  let stopped = false

  function expect(timeout: keyof ExchangeTimeouts): void {
    if (stopped) return
    // Pieces of a large answer come by the thousand: a timer made anew for each costs a tenth of them.
    if (timer && expected === timeout) {
      timer.refresh()
      return
    }
    clearTimeout(timer)
    expected = timeout
    const milliseconds = timeouts[timeout]
    timer = setTimeout(() => {
      request.destroy(new Error(`nothing happened for ${milliseconds} ms (${timeout})`))
    }, milliseconds)
  }
  function rest(): void {
    clearTimeout(timer)
    clearTimeout(endTimer)
    timer = undefined
  }

  expect('connectMs')
  return {
    expect,
    expectEnd: (milliseconds) => {
      if (stopped) return
      clearTimeout(endTimer)
      endTimer = setTimeout(() => {
        request.destroy(new Error(`the answer took more than ${milliseconds} ms`))
      }, milliseconds)
    },
    rest,
    stop: () => {
      stopped = true
      rest()
    },
  }
}
