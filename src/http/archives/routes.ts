import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../../core/access/known-tokens.ts'
import type { ArchiveService } from '../../core/archives/archive-service.ts'
import type { ArchiveWish } from '../../core/archives/list-files.ts'
import { parseFolderPath } from '../../core/model/library/folder-path.ts'
import { invalid, parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { type DeliverArchive, resuming } from '../downloads/deliver-archive.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { DOWNLOAD_HEADERS } from '../guards/security-headers.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import { LISTED } from '../schemas/openapi/operation.ts'
import { ArchiveQuery, downloadArchive, headArchive } from './schemas.ts'

export interface ArchiveRoutesOptions {
  archives: ArchiveService
  knownTokens: Pick<KnownTokens, 'addLink'>
  deliverArchive: DeliverArchive
}

/** Of one token: download managers ask for many ranges. */
const MAX_PER_MINUTE = 600
/** A list of 5,000 files takes a tenth of a second of the process. */
const MAX_LISTS_PER_MINUTE = 60

/** Many files as one ZIP file (CONTRACT.md, section 10). */
export const archiveRoutes: FastifyPluginAsync<ArchiveRoutesOptions> = async (app, options) => {
  const { archives, knownTokens, deliverArchive } = options
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'archives' })
  const countList = createTokenRate(app, {
    maxPerMinute: MAX_LISTS_PER_MINUTE,
    what: 'new archives',
  })

  async function answer(request: FastifyRequest, reply: FastifyReply) {
    const { fileName, ...asked } = parseWire(ArchiveQuery, request.query)
    const credential = requireToken(request)
    const { resumes } = resuming(request)
    await (resumes ? countCall : countList)(request)
    const signal = clientSignal(reply)
    const wish = archiveWishOf(asked)
    const found = await archives.find(credential, wish && { wish, resumes }, signal)
    knownTokens.addLink(credential)
    return deliverArchive({ request, reply, found, fileName, signal })
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
