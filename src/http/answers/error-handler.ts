import type { ServerResponse } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { secondsToWait } from '../../lib/retry-after.ts'
import { drain } from '../bodies/drain.ts'
import { ClientLeft } from '../connections/client-signal.ts'
import { REFUSAL_HEADERS } from '../guards/security-headers.ts'
import type { Throttle } from '../guards/throttle.ts'
import { endWithAnswer, opensSocket } from '../push/upgrade.ts'
import { ERROR_PAGE_POLICY, errorPage, opensLink, wantsPage } from './error-page.ts'
import { addVary } from './vary.ts'

/** How long a refused browser may go on sending before the answer goes out. */
const DRAIN_MS = 10_000

export interface ErrorHandlerOptions {
  /** No more of a refused request's body is read and thrown away. */
  maxChunkBytes: number
  /** Resolves with the error that is sent instead of a refusal. */
  countRefusal: Throttle['countRefusal']
  /** Called when the rest of a refused request is going to be thrown away. */
  onDrain: (response: ServerResponse) => void
}

/** Answers every failure with the contract's JSON, or with a page if a person opened a link. */
export function installErrorHandler(
  app: FastifyInstance,
  { maxChunkBytes, countRefusal, onDrain }: ErrorHandlerOptions,
): void {
  const draining = { maxBytes: maxChunkBytes, onDrain }
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const refusal = await countRefusal(request, toAppError(error, request))
    await refuse(refusal, request, reply, draining)
  })
  app.setNotFoundHandler(async (request, reply) => {
    await refuse(new AppError('NOT_FOUND', 'There is nothing here'), request, reply, draining)
  })
}

/**
 * Answers requests that Fastify refuses before any route or hook, such as a path that is too long.
 */
export function refuseEarly(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  void refuse(toAppError(error, request), request, reply, { maxBytes: 0, onDrain: () => {} })
}

async function refuse(
  error: AppError,
  request: FastifyRequest,
  reply: FastifyReply,
  { maxBytes, onDrain }: { maxBytes: number; onDrain: ErrorHandlerOptions['onDrain'] },
): Promise<void> {
  if (!request.raw.complete) {
    const maxMs = drainMs(error, reply)
    onDrain(reply.raw)
    if (maxMs > 0) await drain(request.raw, { maxBytes, maxMs })
    reply.header('connection', 'close')
  }
  if (opensSocket(request.raw)) {
    reply.header('connection', 'close')
    endWithAnswer(request.raw, reply.raw)
  }
  if (error.code === 'SHUTTING_DOWN') reply.header('connection', 'close')
  if (error.retryable) reply.header('retry-after', secondsToWait(error.retryAfter))
  // The route may have none of them, or no hook has run.
  reply.headers(REFUSAL_HEADERS)
  const { message, code, details, status } = error
  reply.code(status)
  if (opensLink(request) && !opensSocket(request.raw)) {
    // The same link may work tomorrow.
    reply.header('cache-control', 'no-store')
    addVary(reply, 'Accept')
    if (wantsPage(request)) {
      reply.header('content-security-policy', ERROR_PAGE_POLICY)
      await reply.type('text/html; charset=utf-8').send(errorPage(error))
      return
    }
  }
  await reply.send({ error: message, code, ...details })
}

function drainMs({ code }: AppError, { elapsedTime }: FastifyReply): number {
  // This sender has stopped sending.
  if (code === 'REQUEST_TIMEOUT') return 0
  // The time for which the request waited for its turn counts.
  return code === 'BUSY' ? Math.max(DRAIN_MS / 2, DRAIN_MS - elapsedTime) : DRAIN_MS
}

function toAppError(error: FastifyError, request: FastifyRequest): AppError {
  if (error instanceof AppError) {
    if (error.status >= 500) request.log.warn(fieldsOf(error), 'request refused')
    return error
  }
  if (error instanceof ClientLeft || request.raw.socket.destroyed) {
    request.log.info('client left')
    return new AppError('CLIENT_CLOSED_REQUEST', 'The client left', { cause: error })
  }
  // Fastify's and its plugins' refusals: their status is right, their messages are for developers.
  const status = error.statusCode ?? 500
  if (status === 413) return new AppError('PAYLOAD_TOO_LARGE', 'The request is too large')
  if (status === 415 || status === 406) {
    return new AppError('UNSUPPORTED_MEDIA_TYPE', 'The content type is not what this call takes')
  }
  if (status === 404) return new AppError('NOT_FOUND', 'There is nothing here')
  if (status >= 400 && status < 500) {
    return new AppError('INVALID_REQUEST', 'The request is malformed', { cause: error })
  }
  request.log.error({ err: error }, 'unexpected failure')
  return new AppError('INTERNAL', 'Something went wrong inside the worker', { cause: error })
}

/** Without a cause there is no stack: the code says enough, and a busy worker logs it often. */
function fieldsOf(error: AppError): object {
  return error.cause === undefined ? { code: error.code } : { err: error, code: error.code }
}
