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
   * Reads the request, does what it asks for, and signs the answer. Null for a request that no
   * instance of this deployment has sent. Rejects with the signal's reason.
   */
  answer: (
    request: { body: Buffer; signature: string },
    signal: AbortSignal,
  ) => Promise<SignedText | null>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Only instances of the deployment call it. It is answered also while this instance takes no
     * other requests, is not listed among the methods of a path, and a caller that is told that
     * there is nothing here has guessed.
     */
    isBetweenInstances?: boolean
  }
}

const MAX_BODY_BYTES = 1_024
const SIGNATURE_HEADER = 'x-telestore-signature'

/** Where a new instance of the deployment asks this one to let go of Telegram. */
export const handOverRoutes: FastifyPluginAsync<HandOverRoutesOptions> = async (app, options) => {
  // The signature is over the bytes as they came.
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
    // Strangers learn no more than where there is no such endpoint.
    if (!answer) throw new AppError('NOT_FOUND', 'There is nothing here')
    reply.header(SIGNATURE_HEADER, answer.signature).header('cache-control', 'no-store')
    return reply.type('application/json; charset=utf-8').send(answer.body)
  })
}
