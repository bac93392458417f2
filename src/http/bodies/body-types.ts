import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { namesMediaType } from '../../lib/media-type.ts'
import { hasFirstByte } from './first-byte.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a form; all others refuse one with 415. */
    takesForm?: boolean
  }
  interface FastifyRequest {
    /** What has been read of the request's form so far; null where there is none. */
    formFields: Readonly<Record<string, string>> | null
  }
}

export const FORM_TYPE = 'multipart/form-data'

/**
 * What bodies the server takes: JSON everywhere, forms where a route says so, and nothing at all.
 * Without a byte the type that a request announces makes no difference: many libraries announce one
 * with every call. A route that needs a body says that it is missing.
 *
 * @fastify/multipart hands a form to its route unread, and `form/` reads the parts: the plugin's own
 * parser keeps neither `filename*` nor the charset of a part, and copies what it passes on.
 */
export async function installBodyTypes(app: FastifyInstance): Promise<void> {
  const parseJson = app.getDefaultJsonParser('error', 'error')

  async function takeNone(request: FastifyRequest): Promise<void> {
    if (request.is404 || !(await hasFirstByte(request.raw))) return
    const sentence = 'The content type is not what this call takes'
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', sentence)
  }

  // Fastify refuses what names no type before any parser sees it.
  app.addHook('onRequest', async ({ headers }) => {
    const type = headers['content-type']
    if (type !== undefined && !namesMediaType(type)) delete headers['content-type']
  })
  app.decorateRequest('formFields', null)
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null)
    else void parseJson(request, String(body), done)
  })
  await app.register(multipart)
  app.addHook('preValidation', async (request) => {
    if (request.isMultipart() && !request.routeOptions.config.takesForm) await takeNone(request)
  })
  app.addContentTypeParser('*', takeNone)
}
