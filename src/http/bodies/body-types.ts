import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { namesMediaType } from '../../lib/media-type.ts'
import { hasFirstByte } from './first-byte.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads forms; all others refuse them with 415. */
    takesForm?: boolean
  }
  interface FastifyRequest {
    /** The fields of the request's form that have been read so far; null without a form. */
    formFields: Readonly<Record<string, string>> | null
  }
}

export const FORM_TYPE = 'multipart/form-data'

/**
 * Decides which bodies the server takes: JSON everywhere, forms on routes that say `takesForm`, and
 * no others. The type of an empty body does not matter, because many libraries announce one with
 * every call; a route that needs a body refuses an empty one itself.
 *
 * @fastify/multipart hands a form to its route unread, and `form/` reads the parts: the plugin's own
 * parser drops `filename*` and the charset of a part, and copies the bytes.
 */
export async function installBodyTypes(app: FastifyInstance): Promise<void> {
  const parseJson = app.getDefaultJsonParser('error', 'error')

  async function takeNone(request: FastifyRequest): Promise<void> {
    if (request.is404 || !(await hasFirstByte(request.raw))) return
    const sentence = 'The content type is not what this call takes'
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', sentence)
  }

  // Fastify refuses a malformed type before any parser sees it.
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
