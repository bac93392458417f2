import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ProgressWatch } from '../../core/progress/progress-watch.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { prefers } from '../answers/accept.ts'
import { addVary } from '../answers/vary.ts'
import { parseWire, TokenQuery } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { createConnectionQuota } from '../guards/connection-quota.ts'
import type { CallerToken } from '../guards/token.ts'
import { hasSeenEnd, sendEvents } from '../push/event-stream.ts'
import { UploadIdParams, uploadProgress } from '../schemas/progress.ts'

export interface ProgressRoutesOptions {
  uploads: Pick<UploadService, 'progress'>
  watch: ProgressWatch
  /** That listen at one time. */
  maxListeners: number
  callerToken: CallerToken
}

/** How far an upload is: asked for, or pushed. */
export const progressRoutes: FastifyPluginAsync<ProgressRoutesOptions> = async (app, options) => {
  const { uploads, watch, callerToken, maxListeners } = options
  const places = createConnectionQuota('event streams', maxListeners)
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort(new Error('the worker is closing')))

  const presents = { token: 'query', uploadId: 'path' } as const
  const asking = { schema: uploadProgress, config: { presents } }
  app.get('/upload-progress/:uploadId', asking, async (request, reply) => {
    const { uploadId } = parseWire(UploadIdParams, request.params)
    parseWire(TokenQuery, request.query)
    const token = callerToken(request)
    addVary(reply, 'Accept')
    reply.header('cache-control', 'no-store')
    if (!wantsEvents(request)) return uploads.progress(uploadId, token)

    const signal = AbortSignal.any([clientSignal(reply), closing.signal])
    const lastEventId = request.headers['last-event-id']
    // An EventSource comes back after every end, and only this status tells it not to.
    if (hasSeenEnd(lastEventId, await uploads.progress(uploadId, token))) {
      return reply.code(204).send()
    }
    // A caller that left while the token was checked closes nothing that would give a place back.
    signal.throwIfAborted()
    reply.raw.once('close', places.take(request))
    await sendEvents(reply, await watch.upload(uploadId, token, signal), lastEventId)
    return reply
  })
}

function wantsEvents({ headers }: FastifyRequest): boolean {
  return prefers(headers.accept, 'text/event-stream', { to: 'application/json', evenIfEqual: true })
}
