import type { FastifyPluginAsync } from 'fastify'
import { z } from 'zod'
import type { ByteRange } from '../../core/byte-range.ts'
import type { DownloadService } from '../../core/download-service.ts'
import type { KnownTokens } from '../../core/known-tokens.ts'
import type { Metrics } from '../../core/ports/metrics.ts'
import { AppError } from '../../errors.ts'
import { clientSignal } from '../client-signal.ts'
import { answerDownload, etagOf } from '../download-answer.ts'
import { planDownload } from '../download-plan.ts'
import { createDownloadSlots } from '../download-slots.ts'
import { DOWNLOAD_HEADERS } from '../security-headers.ts'
import { sendPieces } from '../send-pieces.ts'
import { tokenOf } from '../token.ts'
import { fileId, fileName, messageId, parseWire, token } from '../validation.ts'

export interface DownloadRoutesOptions {
  downloads: DownloadService
  knownTokens: Pick<KnownTokens, 'add'>
  metrics: Pick<Metrics, 'downloaded'>
  maxConcurrent: number
}

const Query = z.object({
  messageId,
  fileId: fileId.optional(),
  token: token.optional(),
  fileName: fileName.optional(),
  disposition: z.enum(['inline', 'attachment']).default('inline'),
})

const REFUSALS: Record<number, { error: string; code: string }> = {
  412: { error: 'The file is not the one that was asked for', code: 'PRECONDITION_FAILED' },
  416: { error: 'The file has no such range', code: 'RANGE_NOT_SATISFIABLE' },
}

/** Streams a file back, whole or in ranges (CONTRACT.md, section 3). */
export const downloadRoutes: FastifyPluginAsync<DownloadRoutesOptions> = async (app, options) => {
  const { metrics, downloads } = options
  const slots = createDownloadSlots({ max: options.maxConcurrent })

  app.route({
    // Not Fastify's own HEAD, which runs the GET and throws the whole body away.
    method: ['GET', 'HEAD'],
    url: '/download',
    helmet: DOWNLOAD_HEADERS,
    handler: async (request, reply) => {
      const query = parseWire(Query, request.query)
      const credential = tokenOf(request, query.token)
      if (credential === null) throw tokenMissing()
      slots.take(reply)

      const signal = clientSignal(reply)
      const document = await downloads.find(credential, query, signal)
      // By now the link is tied to this message, so nothing more can be tried out with it.
      options.knownTokens.add(credential)
      const plan = planDownload({
        method: request.method === 'HEAD' ? 'HEAD' : 'GET',
        headers: request.headers,
        size: document.size,
        etag: etagOf(document),
        modifiedAt: document.modifiedAt,
      })
      const answer = answerDownload(plan, document, query)

      if (answer.pieces.length > 0) {
        const read = (range: ByteRange) => downloads.read(document, range, signal)
        const { outcome, sent } = await sendPieces(reply, answer, read)
        metrics.downloaded(outcome, sent)
        return reply
      }
      const refusal = request.method === 'HEAD' ? undefined : REFUSALS[answer.status]
      return reply.code(answer.status).headers(answer.headers).send(refusal)
    },
  })
}

function tokenMissing(): AppError {
  return new AppError('TOKEN_MISSING', 'token: is missing', { details: { field: 'token' } })
}
