import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'
import { hasBody } from '../guards/limits.ts'
import { createTransferRate, type TransferRate, type TransferRateLimits } from './transfer-rate.ts'

/** A phone on a bad line sends ten times this; a slower sender only holds a connection. */
const MIN_BYTES_PER_SECOND = KiB
const WINDOW_MS = 60_000
/** How long the refusal may wait for the disk, and how long it has to reach the sender. */
const REFUSE_MS = 10_000
const LINGER_MS = 1_000

interface Sender {
  raw: IncomingMessage
  response: ServerResponse
  rate: TransferRate
}

export type UploadRateLimits = Pick<TransferRateLimits, 'stallMs'> & Partial<TransferRateLimits>

/**
 * Ends requests whose body is stalled for `stallMs`, or comes slower than the minimum rate; a body
 * may take hours otherwise. The reader of the body gets REQUEST_TIMEOUT, and the connection is cut
 * in any case.
 */
export function installMinUploadRate(app: FastifyInstance, limits: UploadRateLimits): void {
  const senders = new Set<Sender>()
  const rateLimits = { minBytesPerSecond: MIN_BYTES_PER_SECOND, windowMs: WINDOW_MS, ...limits }

  function check(sender: Sender): void {
    const { raw, rate } = sender
    if (raw.complete || raw.socket.destroyed) {
      senders.delete(sender)
      return
    }
    const waiting = raw.readableLength > 0
    const sample = { now: performance.now(), bytes: raw.socket.bytesRead, waiting }
    if (!rate.isTooSlow(sample)) return
    senders.delete(sender)
    cut(sender)
  }

  app.addHook('onRequest', async ({ raw }, { raw: response }) => {
    if (!hasBody(raw.headers)) return
    const start = { now: performance.now(), bytes: raw.socket.bytesRead }
    senders.add({ raw, response, rate: createTransferRate(rateLimits, start) })
  })
  const everyMs = Math.min(5_000, Math.max(50, limits.stallMs / 4))
  const timer = setInterval(() => senders.forEach(check), everyMs).unref()
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
 * Makes reading the body fail with `error`. Returns false if the body has no reader. To destroy the
 * request instead would close the connection before the answer is sent.
 */
export function failBody(raw: IncomingMessage, error: AppError): boolean {
  return raw.listenerCount('error') > 0 && raw.emit('error', error)
}
