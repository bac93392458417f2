import { pipeline } from 'node:stream/promises'
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
 * sent, so a failure until then rejects and becomes an error answer. A failure after that cuts the
 * connection, because a short body must never look like a whole one, and resolves.
 */
export async function sendPieces(
  reply: FastifyReply,
  { status, headers, pieces }: DownloadAnswer,
  read: ReadRange,
): Promise<SentBody> {
  const body = bytesOf(pieces, read)
  const found = reply.elapsedTime
  const first = await body.next()
  const timing = `find;dur=${found.toFixed(1)}, read;dur=${(reply.elapsedTime - found).toFixed(1)}`
  reply.hijack()
  reply.raw.writeHead(status, {
    ...(reply.getHeaders() as Record<string, string>),
    ...headers,
    'server-timing': timing,
  })
  let sent = 0
  try {
    await pipeline(async function* () {
      for (let step = first; !step.done; step = await body.next()) {
        sent += step.value.length
        yield step.value
      }
    }, reply.raw)
  } catch (error) {
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

async function* bytesOf(pieces: BodyPiece[], read: ReadRange): AsyncGenerator<Uint8Array, void> {
  for (const piece of pieces) {
    if ('text' in piece) yield piece.text
    else yield* read(piece.range)
  }
}
