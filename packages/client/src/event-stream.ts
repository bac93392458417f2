import { withTimeout } from './lib/with-timeout.ts'

export interface ServerEvent {
  id: string | null
  data: string
}

/**
 * Yields the events of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html) until
 * it ends. Throws when the stream breaks, or no byte comes for `silenceMs` milliseconds, comments
 * included. Lines may end in LF, CRLF or CR, and a piece may end in the middle of a character.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<ServerEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parse = createEventParser()
  const limit = { ms: silenceMs, message: 'the event stream fell silent' }
  try {
    for (;;) {
      const { done, value } = await withTimeout(() => reader.read(), limit)
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
