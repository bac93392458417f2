import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import type { Connections } from '../connections/connections.ts'
import { REFUSAL_HEADERS } from '../guards/security-headers.ts'
import { answerDownload, type Representation } from './download-answer.ts'
import { planDownload } from './download-plan.ts'
import { createDownloadSlots } from './download-slots.ts'
import { type ReadRange, type SentBody, sendPieces } from './send-pieces.ts'

export interface DeliveryOptions {
  /** Downloads at a time, of all routes that deliver. */
  maxConcurrent: number
  /** Limits readers of other answers; downloads have slots instead. */
  connections: Pick<Connections, 'exempt'>
}

export interface Delivered {
  request: FastifyRequest
  reply: FastifyReply
  file: Representation
  /** Core's user id: the slot is theirs. */
  owner: string
  read: ReadRange
  /** Aborts when the client leaves. */
  signal: AbortSignal
  /** Called when the first byte is here and not sent yet. Where it rejects, none is sent. */
  onFirstByte?: () => Promise<void>
  /** Called when a body has ended. */
  onSent: (body: SentBody) => void
}

/**
 * Answers a GET or HEAD for a file: conditions, ranges, the place in the download slots, and the bytes.
 * Rejects with BUSY, with FORBIDDEN where a browser would run the file as a part of a page, and with the reader's failure until the first byte has been read. The file is
 * looked for, and its reader's right checked, before: a stranger's guess must not take a slot.
 */
export type Deliver = (delivered: Delivered) => Promise<FastifyReply>

const REFUSALS: Record<number, { error: string; code: string }> = {
  412: { error: 'The file is not the one that was asked for', code: 'PRECONDITION_FAILED' },
  416: { error: 'The file has no such range', code: 'RANGE_NOT_SATISFIABLE' },
}

export function createDelivery({ maxConcurrent, connections }: DeliveryOptions): Deliver {
  const slots = createDownloadSlots({ max: maxConcurrent })

  return async ({ request, reply, file, owner, read, signal, onFirstByte, onSent }) => {
    assertNoProgram(request)
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET'
    const plan = planDownload({ ...file, method, headers: request.headers })
    const answer = answerDownload(plan, file)
    if (answer.pieces.length > 0) {
      await slots.take({ reply, user: owner, signal })
      connections.exempt(reply.raw)
      onSent(await sendPieces(reply, answer, read, onFirstByte))
      return reply
    }
    if (answer.status >= 400) reply.headers(REFUSAL_HEADERS)
    const refusal = method === 'HEAD' ? undefined : REFUSALS[answer.status]
    return reply.code(answer.status).headers(answer.headers).send(refusal)
  }
}

/** Whether `Want-Repr-Digest` (RFC 9530, section 4) says that this algorithm is not wanted. */
export function refusesSha256({ headers }: FastifyRequest): boolean {
  return /(^|,)\s*sha-256\s*=\s*0\s*(,|;|$)/.test(String(headers['want-repr-digest'] ?? ''))
}

/** Destinations that a browser runs as a part of a page (Fetch, section 3.2.6). */
const PROGRAMS = /^(.*script|.*worker|.*worklet|style|xslt|manifest)$/

/**
 * The page's policy lets it load scripts and workers of its own origin. Files of users have the same
 * origin, so a browser must never run one.
 */
function assertNoProgram({ headers }: FastifyRequest): void {
  if (!PROGRAMS.test(String(headers['sec-fetch-dest'] ?? ''))) return
  throw new AppError('FORBIDDEN', 'A file is no part of a page')
}
