import { badBotRequest } from '../bot-api-error.ts'
import { type PartHead, parsePartHead } from './part-head.ts'

/** One part of a form. Its body must be read to the end before the next part is asked for. */
export interface FormPart extends PartHead {
  body: AsyncIterable<Buffer>
}

const MAX_HEAD_BYTES = 16 * 1024
const CRLF = '\r\n'

/** Reads multipart/form-data (RFC 7578) part by part, holding no more than one network chunk. */
export async function* readForm(
  source: AsyncIterator<Buffer>,
  boundary: string,
): AsyncGenerator<FormPart> {
  const delimiter = Buffer.from(`${CRLF}--${boundary}`)
  // The first boundary has no line before it.
  let pending: Buffer = Buffer.from(CRLF)

  async function more(): Promise<void> {
    const next = await source.next()
    if (next.done) throw badBotRequest("can't parse form data")
    pending = pending.length === 0 ? next.value : Buffer.concat([pending, next.value])
  }

  async function* until(end: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = pending.indexOf(end)
      if (at !== -1) {
        if (at > 0) yield pending.subarray(0, at)
        pending = pending.subarray(at + end.length)
        return
      }
      // The delimiter may have begun in the last bytes that are here.
      const safe = pending.length - end.length + 1
      if (safe > 0) {
        yield pending.subarray(0, safe)
        pending = pending.subarray(safe)
      }
      await more()
    }
  }

  try {
    await collect(until(delimiter), MAX_HEAD_BYTES)
    for (;;) {
      while (pending.length < 2) await more()
      if (pending.toString('latin1', 0, 2) === '--') return
      const head = await collect(until(Buffer.from(CRLF + CRLF)), MAX_HEAD_BYTES)
      yield { ...parsePartHead(head), body: until(delimiter) }
    }
  } finally {
    // An iterator that is still open would keep the rest of the body from being drained.
    await source.return?.()
  }
}

/** Joins a body that is known to be small. */
export async function collect(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBytes) throw badBotRequest('form data is too big')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
