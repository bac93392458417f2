import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../../core/access/known-tokens.ts'
import type { ArchiveRequest, ArchiveService } from '../../core/archives/archive-service.ts'
import type { ArchiveWish } from '../../core/archives/list-files.ts'
import { parseFolderPath } from '../../core/model/library/folder-path.ts'
import type { Metrics } from '../../core/ports/metrics.ts'
import { invalid, parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import type { Deliver } from '../downloads/delivery.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { DOWNLOAD_HEADERS } from '../guards/security-headers.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import { LISTED } from '../schemas/openapi/operation.ts'
import { ArchiveQuery, downloadArchive, headArchive } from './schemas.ts'

export interface ArchiveRoutesOptions {
  archives: ArchiveService
  knownTokens: Pick<KnownTokens, 'addLink'>
  metrics: Pick<Metrics, 'archived'>
  deliver: Deliver
}

/** Of one token: download managers ask for many ranges. */
const MAX_PER_MINUTE = 600

/** Many files as one ZIP file (CONTRACT.md, section 10). */
export const archiveRoutes: FastifyPluginAsync<ArchiveRoutesOptions> = async (app, options) => {
  const { archives, knownTokens, metrics, deliver } = options
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'archives' })

  async function answer(request: FastifyRequest, reply: FastifyReply) {
    const { fileName, ...asked } = parseWire(ArchiveQuery, request.query)
    const credential = requireToken(request)
    await countCall(request)
    const signal = clientSignal(reply)
    const wish = archiveWishOf(asked)
    const found = await archives.find(credential, wish && { wish, ...resuming(request) }, signal)
    knownTokens.addLink(credential)
    const { etag, size, hasRanges, owner, read } = found
    return deliver({
      request,
      reply,
      file: {
        ...{ etag, size, hasRanges },
        // A date would not tell two archives of one folder apart.
        modifiedAt: null,
        fileName: fileName ?? found.fileName,
        mimeType: 'application/zip',
        disposition: 'attachment',
        sha256: null,
      },
      owner,
      read: (range) => read(range, signal),
      signal,
      onSent: ({ outcome, sent }) => metrics.archived({ outcome, bytes: sent }),
    })
  }

  const config = { ...LISTED, presents: { token: 'query' } } as const
  const route = { url: '/archive', helmet: DOWNLOAD_HEADERS, config, handler: answer }
  app.route({ ...route, method: 'HEAD', schema: headArchive })
  const heavy = { ...route, config: { ...config, isHeavy: true } }
  app.route({ ...heavy, method: 'GET', schema: downloadArchive, exposeHeadRoute: false })
}

/** What an archive is asked of; null where the caller says nothing. Throws INVALID_REQUEST for both. */
export function archiveWishOf(asked: {
  items?: readonly number[] | undefined
  folder?: string | undefined
}): ArchiveWish | null {
  const { items, folder } = asked
  if (items !== undefined && folder !== undefined) {
    throw invalid('items', 'either it or folder is needed, not both')
  }
  if (items !== undefined) return { kind: 'items', messageIds: items }
  return folder === undefined ? null : { kind: 'folder', path: parseFolderPath(folder, 'folder') }
}

/** A caller with a condition or a range has begun the archive before. */
function resuming({ headers }: FastifyRequest): Pick<ArchiveRequest, 'resumes'> {
  const { range, 'if-range': ifRange, 'if-match': ifMatch } = headers
  return { resumes: range !== undefined || ifRange !== undefined || ifMatch !== undefined }
}
