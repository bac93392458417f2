import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../../core/access/known-tokens.ts'
import type { DownloadService } from '../../core/downloads/download-service.ts'
import { parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import type { DeliverFile } from '../downloads/deliver-file.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { DOWNLOAD_HEADERS } from '../guards/security-headers.ts'
import { DownloadQuery, download, headDownload } from '../schemas/downloads.ts'
import { LISTED } from '../schemas/openapi/operation.ts'

export interface DownloadRoutesOptions {
  downloads: Pick<DownloadService, 'find'>
  knownTokens: Pick<KnownTokens, 'addLink'>
  deliverFile: DeliverFile
}

/** Streams a file back, whole or in ranges (CONTRACT.md, section 3). */
export const downloadRoutes: FastifyPluginAsync<DownloadRoutesOptions> = async (app, options) => {
  const { downloads, deliverFile } = options

  async function answer(request: FastifyRequest, reply: FastifyReply) {
    const { disposition, fileName, ...wanted } = parseWire(DownloadQuery, request.query)
    const credential = requireToken(request)

    const signal = clientSignal(reply)
    const found = await downloads.find(credential, wanted, signal)
    // By now the link is tied to this message, so nothing more can be tried out with it.
    options.knownTokens.addLink(credential)
    return deliverFile({ request, reply, found, disposition, fileName, signal })
  }

  const presents = { token: 'query', messageId: 'query' } as const
  const config = { ...LISTED, presents }
  const route = { url: '/download', helmet: DOWNLOAD_HEADERS, config, handler: answer }
  // Not Fastify's own HEAD, which runs the GET and throws the whole body away.
  app.route({ ...route, method: 'HEAD', schema: headDownload })
  const heavy = { ...route, config: { ...config, isHeavy: true } }
  app.route({ ...heavy, method: 'GET', schema: download, exposeHeadRoute: false })
}
