import { AppError } from '../../../errors.ts'
import { readBounded } from '../../../lib/read-bounded.ts'
import { KiB } from '../../../lib/units.ts'
import { type PartHead, parsePartHead } from './part-head.ts'

/**
 * A part of a form. Its bytes must be taken before the next part is asked for, or they are lost.
 */
export interface FormPart {
  readonly head: PartHead
  readonly bytes: AsyncGenerator<Buffer, void, undefined>
}

/** Enough for a name of 1,024 characters, each of three bytes in percent signs: nine characters. */
export const MAX_HEAD_BYTES = 32 * KiB
const CRLF = '\r\n'

/**
 * Reads `multipart/form-data` (RFC 7578) part by part, and holds no more than one piece of the
 * source and a part's head. Bytes before the first boundary and after the last are skipped. Throws
 * INVALID_REQUEST if the form is malformed, PAYLOAD_TOO_LARGE if a head is too long, and the
 * source's own errors.
 */
export async function* readParts(
  source: AsyncGenerator<Buffer, void, undefined>,
  boundary: string,
): AsyncGenerator<FormPart, void, undefined> {
  const delimiter = Buffer.from(`${CRLF}--${boundary}`, 'latin1')
  // The first boundary may have no line before it.
  let ahead: Buffer = Buffer.from(CRLF)

  async function more(): Promise<void> {
    const next = await source.next()
    if (next.done) throw malformed('ends too early')
    ahead = ahead.length === 0 ? next.value : Buffer.concat([ahead, next.value])
  }

  /** Yields the bytes before `end`, and skips `end`. */
  async function* until(end: Buffer): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const at = ahead.indexOf(end)
      const held = at === -1 ? beginningAtEnd(ahead, end) : 0
      const taken = at === -1 ? ahead.subarray(0, ahead.length - held) : ahead.subarray(0, at)
      ahead = ahead.subarray(at === -1 ? taken.length : at + end.length)
      if (taken.length > 0) yield taken
      if (at !== -1) return
      await more()
    }
  }

  async function readHead(): Promise<Buffer> {
    const head = await readBounded(until(Buffer.from(CRLF + CRLF)), MAX_HEAD_BYTES)
    if (head === null) throw tooLong()
    return head
  }

  await skip(until(delimiter))
  for (;;) {
    while (ahead.length < 2) await more()
    if (ahead.toString('latin1', 0, 2) === '--') break
    const head = parsePartHead(await readHead())
    if (head === null) throw malformed('has a part that names no field')
    const bytes = until(delimiter)
    yield { head, bytes }
    await skip(bytes)
  }
  await skip(source)
}

async function skip(bytes: AsyncGenerator<Buffer, void, undefined>): Promise<void> {
  while (!(await bytes.next()).done);
}

/** Returns how many of the last bytes may be the beginning of `end`. */
function beginningAtEnd(bytes: Buffer, end: Buffer): number {
  const first = end.subarray(0, 1)
  let at = bytes.indexOf(first, Math.max(0, bytes.length - end.length + 1))
  while (at !== -1 && !bytes.subarray(at).equals(end.subarray(0, bytes.length - at))) {
    at = bytes.indexOf(first, at + 1)
  }
  return at === -1 ? 0 : bytes.length - at
}

/** `problem` completes a sentence about the form. */
export function malformed(problem: string): AppError {
  return new AppError('INVALID_REQUEST', `The form ${problem}`, { details: { field: 'body' } })
}

function tooLong(): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', 'The form has a part whose head is too long', {
    details: { field: 'body' },
  })
}
