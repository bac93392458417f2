import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'
import { hasBody } from '../guards/limits.ts'
import { createTransferRate, type TransferRate, type TransferRateLimits } from './transfer-rate.ts'

/** A phone at its worst sends ten times this; who sends less only holds a connection. */
const MIN_BYTES_PER_SECOND = KiB
const WINDOW_MS = 60_000
/** How long the refusal may wait for the disk, and how long it has to reach the sender. */
const REFUSE_MS = 10_000
const LINGER_MS = 1_000

interface Sender {
  raw: IncomingMessage
  response: ServerResponse
  pace: TransferRate
}

export type UploadRateLimits = Pick<TransferRateLimits, 'stallMs'> & Partial<TransferRateLimits>

/**
 * Cuts senders by their progress: a body may take hours, but not stand still for `stallMs`, and not
 * trickle. Whoever reads the body sees REQUEST_TIMEOUT; the connection is cut in any case.
 */
export function installMinUploadRate(app: FastifyInstance, limits: UploadRateLimits): void {
  const senders = new Set<Sender>()
  const paceLimits = { minBytesPerSecond: MIN_BYTES_PER_SECOND, windowMs: WINDOW_MS, ...limits }

  function look(sender: Sender): void {
    const { raw, pace } = sender
    if (raw.complete || raw.socket.destroyed) {
      senders.delete(sender)
      return
    }
    const waiting = raw.readableLength > 0
    const sample = { now: performance.now(), bytes: raw.socket.bytesRead, waiting }
    if (!pace.isTooSlow(sample)) return
    senders.delete(sender)
    cut(sender)
  }

  app.addHook('onRequest', async ({ raw }, { raw: response }) => {
    if (!hasBody(raw.headers)) return
    const start = { now: performance.now(), bytes: raw.socket.bytesRead }
    senders.add({ raw, response, pace: createTransferRate(paceLimits, start) })
  })
  const everyMs = Math.min(5_000, Math.max(50, limits.stallMs / 4))
  const timer = setInterval(() => senders.forEach(look), everyMs).unref()
  app.addHook('onClose', async () => clearInterval(timer))
}

function cut({ raw, response }: Sender): void {
  const cutAfter = (ms: number): void => {
    setTimeout(() => {
      if (!raw.complete) raw.socket.destroy()
    }, ms).unref()
  }
  const isRead = failBody(raw, new AppError('REQUEST_TIMEOUT', 'The request stopped arriving'))
  cutAfter(isRead && !response.writableFinished ? REFUSE_MS : LINGER_MS)
  response.once('finish', () => cutAfter(LINGER_MS))
}

/**
 * Tells whoever reads the body that no more of it comes, and whether there is anybody. Destroying
 * the request would take the connection with it, and the answer.
 */
export function failBody(raw: IncomingMessage, error: AppError): boolean {
  return raw.listenerCount('error') > 0 && raw.emit('error', error)
}
