import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ProgressWatch } from '../../core/progress/progress-watch.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { prefers } from '../answers/accept.ts'
import { addVary } from '../answers/vary.ts'
import { parseWire, TokenQuery } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { createConnectionQuota } from '../guards/connection-quota.ts'
import type { CallerToken } from '../guards/presented-credentials.ts'
import { hasSeenEnd, sendEvents } from '../push/event-stream.ts'
import { UploadIdParams, uploadProgress } from '../schemas/progress.ts'

export interface ProgressRoutesOptions {
  uploads: Pick<UploadService, 'progress'>
  watch: ProgressWatch
  /** The most event streams at one time. */
  maxSubscribers: number
  callerToken: CallerToken
}

/** The progress of an upload, once or as an event stream. */
export const progressRoutes: FastifyPluginAsync<ProgressRoutesOptions> = async (app, options) => {
  const { uploads, watch, callerToken, maxSubscribers } = options
  const quota = createConnectionQuota('event streams', maxSubscribers)
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
    // An EventSource reconnects after every end; only this status stops it.
    if (hasSeenEnd(lastEventId, await uploads.progress(uploadId, token))) {
      return reply.code(204).send()
    }
    // The response of a caller that left meanwhile emits no more `close`.
    signal.throwIfAborted()
    reply.raw.once('close', quota.take(request))
    await sendEvents(reply, await watch.upload(uploadId, token, signal), lastEventId)
    return reply
  })
}

function wantsEvents({ headers }: FastifyRequest): boolean {
  return prefers(headers.accept, 'text/event-stream', { to: 'application/json', evenIfEqual: true })
}
