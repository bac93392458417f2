import type { FastifyReply } from 'fastify'
import type { Progress } from '../../core/progress/progress-board.ts'
import type { Watched } from '../../core/progress/progress-watch.ts'
import { KiB } from '../../lib/units.ts'

/** A comment this often keeps proxies from closing a stream on which nothing happens. */
const COMMENT_EVERY_MS = 15_000
/**
 * Bytes that a listener may leave unread. With more it is cut, reconnects and gets the newest
 * state.
 */
const MAX_UNREAD_BYTES = 64 * KiB
/** Milliseconds after which a browser connects again. */
const RECONNECT_MS = 2_000

/**
 * Names a state of an upload. A stream sends states, not a history: a listener that reconnects with
 * the last id it saw gets the current state, unless it has seen that one.
 */
function eventIdOf({ phase, progress }: Progress): string {
  return `${phase}-${progress}`
}

/** Whether a listener with this id has seen the upload's end. */
export function hasSeenEnd(lastEventId: unknown, progress: Progress): boolean {
  return progress.status !== 'uploading' && lastEventId === eventIdOf(progress)
}

/**
 * Sends an upload's progress as server-sent events (WHATWG HTML, section 9.2) until the upload ends,
 * the listener leaves, or the watch ends.
 */
export async function sendEvents(
  reply: FastifyReply,
  { now, changes }: Watched<Progress>,
  lastEventId: unknown,
): Promise<void> {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // Proxies such as nginx would hold the events back.
    'x-accel-buffering': 'no',
  })
  const send = (text: string): void => {
    raw.write(text)
    if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy()
  }
  const comments = setInterval(() => send(':\n\n'), COMMENT_EVERY_MS)
  try {
    send(`retry: ${RECONNECT_MS}\n\n`)
    if (lastEventId !== eventIdOf(now)) send(eventOf(now))
    if (now.status !== 'uploading') return
    for await (const { progress } of changes) {
      if (progress) send(eventOf(progress))
      if (progress?.status !== 'uploading') return
    }
  } catch (error) {
    reply.log.debug({ err: error }, 'an event stream ended early')
  } finally {
    clearInterval(comments)
    await changes.return(undefined as never)
    raw.end()
  }
}

function eventOf(progress: Progress): string {
  return `id: ${eventIdOf(progress)}\ndata: ${JSON.stringify(progress)}\n\n`
}
