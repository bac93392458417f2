import type { FastifyPluginAsync } from 'fastify'
import { AppError } from '../../errors.ts'
import { clientSignal } from '../connections/client-signal.ts'

/** A signed message and its signature. */
export interface SignedText {
  body: string
  signature: string
}

export interface HandOverRoutesOptions {
  /**
   * Verifies the request, does what it asks for, and signs the answer. Resolves with null if no
   * instance of this deployment sent it. Rejects with the signal's reason.
   */
  answer: (
    request: { body: Buffer; signature: string },
    signal: AbortSignal,
  ) => Promise<SignedText | null>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Only instances of the same deployment call the route. It is answered also while this instance
     * takes no other requests. To other callers it looks as if it did not exist, and its NOT_FOUND
     * counts as a wrong guess.
     */
    isBetweenInstances?: boolean
  }
}

const MAX_BODY_BYTES = 1_024
const SIGNATURE_HEADER = 'x-telestore-signature'

/** A new instance of the deployment asks this one here to release Telegram. */
export const handOverRoutes: FastifyPluginAsync<HandOverRoutesOptions> = async (app, options) => {
  // The signature covers the raw bytes.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  const unlisted = {
    schema: { hide: true },
    bodyLimit: MAX_BODY_BYTES,
    config: { isBetweenInstances: true },
  }
  app.post('/hand-over', unlisted, async (request, reply) => {
    const signature = request.headers[SIGNATURE_HEADER]
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const answer =
      typeof signature === 'string'
        ? await options.answer({ body, signature }, clientSignal(reply))
        : null
    // The same answer as without this route.
    if (!answer) throw new AppError('NOT_FOUND', 'There is nothing here')
    reply.header(SIGNATURE_HEADER, answer.signature).header('cache-control', 'no-store')
    return reply.type('application/json; charset=utf-8').send(answer.body)
  })
}
