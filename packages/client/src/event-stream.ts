import { sleep } from './lib/sleep.ts'

export interface ServerEvent {
  id: string | null
  data: string
}

export interface EventStreamOptions {
  signal: AbortSignal
  /** Milliseconds without a byte, comments included, after which the stream counts as dead. */
  silenceMs: number
}

/**
 * The events of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html), until it
 * ends. Throws when it breaks or falls silent, and the signal's reason. Lines may end in LF, CRLF
 * or CR, and a character may be cut by the network.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  { signal, silenceMs }: EventStreamOptions,
): AsyncGenerator<ServerEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parse = createEventParser()
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), silenceMs, signal)
      if (done) return
      yield* parse(decoder.decode(value, { stream: true }))
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Takes the stream's text in any pieces, and gives the events that have come to their end. */
export function createEventParser(): (text: string) => ServerEvent[] {
  let rest = ''
  let id: string | null = null
  let data: string[] = []

  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    const events: ServerEvent[] = []
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) events.push({ id, data: data.join('\n') })
        data = []
        continue
      }
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
      if (field === 'data') data.push(value)
      if (field === 'id') id = value
    }
    return events
  }
}

async function withinSilence<T>(
  read: Promise<T>,
  silenceMs: number,
  signal: AbortSignal,
): Promise<T> {
  const timer = new AbortController()
  const timeout = sleep(silenceMs, AbortSignal.any([timer.signal, signal])).then(() => {
    throw new Error('the event stream fell silent')
  })
  // Whichever loses is nobody's error.
  timeout.catch(() => {})
  read.catch(() => {})
  try {
    return await Promise.race([read, timeout])
  } finally {
    timer.abort()
  }
}
