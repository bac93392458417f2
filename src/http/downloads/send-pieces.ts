import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { ByteRange } from '../../core/model/byte-range.ts'
import type { DownloadOutcome } from '../../core/ports/metrics.ts'
import { ClientLeft } from '../connections/client-signal.ts'
import type { BodyPiece } from './byteranges.ts'
import type { DownloadAnswer } from './download-answer.ts'

/** How a body ended, for the metrics. */
export interface SentBody {
  outcome: DownloadOutcome
  /** Bytes that were handed to the connection. */
  sent: number
}

export type ReadRange = (range: ByteRange) => AsyncGenerator<Uint8Array>

/**
 * Sends an answer whose body consists of pieces. The first bytes are read before the status line is
 * sent, and then `onFirstByte` is called: a failure until then rejects and becomes an error answer. A failure after that cuts the
 * connection, because a short body must never look like a whole one, and resolves.
 */
export async function sendPieces(
  reply: FastifyReply,
  { status, headers, pieces }: DownloadAnswer,
  read: ReadRange,
  onFirstByte: () => Promise<void> = async () => {},
): Promise<SentBody> {
  const body = bytesOf(pieces, read)
  const found = reply.elapsedTime
  const first = await body.next()
  try {
    await onFirstByte()
  } catch (error) {
    await body.return()
    throw error
  }
  const timing = `find;dur=${found.toFixed(1)}, read;dur=${(reply.elapsedTime - found).toFixed(1)}`
  reply.hijack()
  reply.raw.writeHead(status, {
    ...(reply.getHeaders() as Record<string, string>),
    ...headers,
    'server-timing': timing,
  })
  let sent = 0
  try {
    const connection = writerOf(reply.raw)
    for (let step = first; !step.done; step = await body.next()) {
      sent += step.value.length
      await connection.write(step.value)
    }
    await connection.end()
  } catch (error) {
    reply.raw.destroy()
    const left = reply.request.raw.socket.destroyed || error instanceof ClientLeft
    const fields = { sent, of: headers['content-length'] }
    if (left) reply.log.info(fields, 'client left')
    else reply.log.warn({ ...fields, err: error }, 'download broke off')
    return { outcome: left ? 'left' : 'broken', sent }
  } finally {
    await body.return()
  }
  reply.log.info({ sent }, `Downloaded: ${sent}/${headers['content-length']} bytes`)
  return { outcome: 'completed', sent }
}

interface BodyWriter {
  /** Resolves when the kernel has the bytes: a reader uses their memory again. */
  write: (bytes: Uint8Array) => Promise<void>
  end: () => Promise<void>
}

/** Both reject when the connection closes first; Node calls no callback for what it can't write then. */
function writerOf(response: ServerResponse): BodyWriter {
  let fail = (): void => {}
  response.once('close', () => fail())

  const until = (work: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      fail = () => reject(new Error('the connection was closed'))
      if (response.destroyed) return fail()
      work((error) => (error ? reject(error) : resolve()))
    })

  return {
    write: (bytes) => until((done) => void response.write(bytes, done)),
    end: () => until((done) => void response.end(done)),
  }
}

async function* bytesOf(pieces: BodyPiece[], read: ReadRange): AsyncGenerator<Uint8Array, void> {
  for (const piece of pieces) {
    if ('text' in piece) yield piece.text
    else yield* read(piece.range)
  }
}
