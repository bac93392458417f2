import type { FastifyReply } from 'fastify'

/** Why a request was given up: nobody is there to hear the answer. Not an error, never logged as one. */
export class ClientLeft extends Error {
  constructor() {
    super('The client left')
    this.name = 'ClientLeft'
  }
}

/**
 * Aborts when the client leaves before the response is complete, or has left already.
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
