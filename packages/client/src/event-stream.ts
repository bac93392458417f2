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
 * Yields the events of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html) until
 * it ends. Throws when the stream breaks or falls silent, and the signal's reason. Lines may end in LF,
 * CRLF or CR, and a piece may end in the middle of a character.
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

/** Returns a function that takes the text of the stream in any pieces and returns the complete events. */
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
  // The promise that loses the race may reject later, and must not end the process then.
  timeout.catch(() => {})
  read.catch(() => {})
  try {
    return await Promise.race([read, timeout])
  } finally {
    timer.abort()
  }
}
