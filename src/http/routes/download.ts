import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../../core/access/known-tokens.ts'
import type { DownloadService } from '../../core/downloads/download-service.ts'
import type { ByteRange } from '../../core/model/byte-range.ts'
import type { Metrics } from '../../core/ports/metrics.ts'
import { AppError } from '../../errors.ts'
import { parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import type { Connections } from '../connections/connections.ts'
import { answerDownload, etagOf } from '../downloads/download-answer.ts'
import { planDownload } from '../downloads/download-plan.ts'
import { createDownloadSlots } from '../downloads/download-slots.ts'
import { sendPieces } from '../downloads/send-pieces.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { DOWNLOAD_HEADERS, REFUSAL_HEADERS } from '../guards/security-headers.ts'
import { DownloadQuery, download, headDownload } from '../schemas/downloads.ts'
import { LISTED } from '../schemas/openapi/operation.ts'

export interface DownloadRoutesOptions {
  downloads: DownloadService
  knownTokens: Pick<KnownTokens, 'addLink'>
  metrics: Pick<Metrics, 'downloaded'>
  maxConcurrent: number
  /** Limits readers of other answers; downloads have slots instead. */
  connections: Pick<Connections, 'exempt'>
}

const REFUSALS: Record<number, { error: string; code: string }> = {
  412: { error: 'The file is not the one that was asked for', code: 'PRECONDITION_FAILED' },
  416: { error: 'The file has no such range', code: 'RANGE_NOT_SATISFIABLE' },
}

/** Streams a file back, whole or in ranges (CONTRACT.md, section 3). */
export const downloadRoutes: FastifyPluginAsync<DownloadRoutesOptions> = async (app, options) => {
  const { metrics, downloads } = options
  const slots = createDownloadSlots({ max: options.maxConcurrent })

  async function answer(request: FastifyRequest, reply: FastifyReply) {
    assertNoProgram(request)
    const query = parseWire(DownloadQuery, request.query)
    const credential = requireToken(request)

    const signal = clientSignal(reply)
    const found = await downloads.find(credential, query, signal)
    const { document, sha256, owner } = found
    // By now the link is tied to this message, so nothing more can be tried out with it.
    options.knownTokens.addLink(credential)
    const plan = planDownload({
      method: request.method === 'HEAD' ? 'HEAD' : 'GET',
      headers: request.headers,
      size: document.size,
      etag: etagOf(document),
      modifiedAt: document.modifiedAt,
    })
    const digest = refusesSha256(request.headers['want-repr-digest']) ? null : sha256
    const fileName = query.fileName ?? found.fileName ?? undefined
    const answer = answerDownload(plan, document, { ...query, fileName, sha256: digest })

    if (answer.pieces.length > 0) {
      // Only after the check: a stranger's guess must not take a slot.
      await slots.take({ reply, user: owner, signal })
      options.connections.exempt(reply.raw)
      const read = (range: ByteRange) => downloads.read(document, range, signal)
      const { outcome, sent } = await sendPieces(reply, answer, read)
      metrics.downloaded({ outcome, road: document.road, bytes: sent })
      return reply
    }
    if (answer.status >= 400) reply.headers(REFUSAL_HEADERS)
    const refusal = request.method === 'HEAD' ? undefined : REFUSALS[answer.status]
    return reply.code(answer.status).headers(answer.headers).send(refusal)
  }

  const presents = { token: 'query', messageId: 'query' } as const
  const config = { ...LISTED, presents }
  const route = { url: '/download', helmet: DOWNLOAD_HEADERS, config, handler: answer }
  // Not Fastify's own HEAD, which runs the GET and throws the whole body away.
  app.route({ ...route, method: 'HEAD', schema: headDownload })
  const heavy = { ...route, config: { ...config, isHeavy: true } }
  app.route({ ...heavy, method: 'GET', schema: download, exposeHeadRoute: false })
}

/** Whether `Want-Repr-Digest` (RFC 9530, section 4) says that this algorithm is not wanted. */
function refusesSha256(wanted: string | string[] | undefined): boolean {
  return /(^|,)\s*sha-256\s*=\s*0\s*(,|;|$)/.test(String(wanted ?? ''))
}

/** Destinations that a browser runs as a part of a page (Fetch, section 3.2.6). */
const PROGRAMS = /^(.*script|.*worker|.*worklet|style|xslt|manifest)$/

/**
 * The page's policy lets it load scripts and workers of its own origin. Files of users have the same
 * origin, so a browser must never run one.
 */
function assertNoProgram({ headers }: FastifyRequest): void {
  if (!PROGRAMS.test(String(headers['sec-fetch-dest'] ?? ''))) return
  throw new AppError('FORBIDDEN', 'A file is no part of a page')
}
