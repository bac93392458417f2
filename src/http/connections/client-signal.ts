import type { FastifyReply } from 'fastify'

/**
 * The reason of an abort: the client left, so no answer can reach it. It is never logged as an
 * error.
 */
export class ClientLeft extends Error {
  constructor() {
    super('The client left')
    this.name = 'ClientLeft'
  }
}

/**
 * Returns a signal that aborts when the client leaves before the response is complete, or has left.
 *
 * Fastify's `request.signal` watches the request instead, which closes as soon as its body has
 * been read, so on an upload it aborts a healthy request (fastify#6725).
 */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  const onClose = (): void => {
    if (!reply.raw.writableFinished) controller.abort(new ClientLeft())
  }
  if (reply.raw.closed) onClose()
  else reply.raw.once('close', onClose)
  return controller.signal
}
