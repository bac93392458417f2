import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../../core/access/known-tokens.ts'
import type { DownloadService } from '../../core/downloads/download-service.ts'
import type { Metrics } from '../../core/ports/metrics.ts'
import { parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { type Deliver, refusesSha256 } from '../downloads/delivery.ts'
import { etagOf } from '../downloads/download-answer.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { DOWNLOAD_HEADERS } from '../guards/security-headers.ts'
import { DownloadQuery, download, headDownload } from '../schemas/downloads.ts'
import { LISTED } from '../schemas/openapi/operation.ts'

export interface DownloadRoutesOptions {
  downloads: DownloadService
  knownTokens: Pick<KnownTokens, 'addLink'>
  metrics: Pick<Metrics, 'downloaded'>
  deliver: Deliver
}

/** Streams a file back, whole or in ranges (CONTRACT.md, section 3). */
export const downloadRoutes: FastifyPluginAsync<DownloadRoutesOptions> = async (app, options) => {
  const { metrics, downloads, deliver } = options

  async function answer(request: FastifyRequest, reply: FastifyReply) {
    const query = parseWire(DownloadQuery, request.query)
    const credential = requireToken(request)

    const signal = clientSignal(reply)
    const found = await downloads.find(credential, query, signal)
    const { file, sha256, owner } = found
    // By now the link is tied to this message, so nothing more can be tried out with it.
    options.knownTokens.addLink(credential)
    const { id, size, modifiedAt, mimeType, road } = file
    return deliver({
      request,
      reply,
      file: {
        etag: etagOf(file),
        size,
        modifiedAt,
        fileName: query.fileName ?? file.listedName ?? file.fileName ?? `file-${id}`,
        mimeType,
        disposition: query.disposition,
        sha256: refusesSha256(request) ? null : sha256,
        hasRanges: true,
      },
      owner,
      read: (range) => downloads.read(file, range, signal),
      signal,
      onSent: ({ outcome, sent }) => metrics.downloaded({ outcome, road, bytes: sent }),
    })
  }

  const presents = { token: 'query', messageId: 'query' } as const
  const config = { ...LISTED, presents }
  const route = { url: '/download', helmet: DOWNLOAD_HEADERS, config, handler: answer }
  // Not Fastify's own HEAD, which runs the GET and throws the whole body away.
  app.route({ ...route, method: 'HEAD', schema: headDownload })
  const heavy = { ...route, config: { ...config, isHeavy: true } }
  app.route({ ...heavy, method: 'GET', schema: download, exposeHeadRoute: false })
}
