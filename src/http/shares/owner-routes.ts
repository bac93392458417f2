import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { formatFolderPath, parseFolderPath } from '../../core/model/library/folder-path.ts'
import type { OwnShare, ShareService } from '../../core/shares/share-service.ts'
import { parseWire } from '../bodies/validation.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import type { PublicAddress } from '../public-address.ts'
import {
  changeShare,
  createShare,
  EndShareFields,
  endShare,
  listShares,
  NewShareFields,
  ShareChanges,
  ShareParams,
  SharesQuery,
} from './owner-schemas.ts'

export interface ShareOwnerRoutesOptions {
  shares: ShareService
  address: PublicAddress
}

/** Of one token. */
const MAX_PER_MINUTE = 600

/** Shares, for their owners (CONTRACT.md, section 10). */
export const shareOwnerRoutes: FastifyPluginAsync<ShareOwnerRoutesOptions> = async (
  app,
  { shares, address },
) => {
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'calls' })
  const inJson = { presents: { token: 'json' } } as const

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.post('/shares', { schema: createShare, config: inJson }, async (request, reply) => {
    const fields = parseWire(NewShareFields, request.body)
    const { items, folder = '', expiresIn, title, password, maxDownloads } = fields
    const thing =
      items === undefined ? { path: parseFolderPath(folder, 'folder') } : { messageIds: items }
    const token = requireToken(request)
    await countCall(request)
    const wish = { title, password, maxDownloads, lifetimeMs: expiresIn * 1000 }
    const share = await shares.create(token, thing, wish)
    return reply.code(201).send(show(share, request))
  })

  const listing = { schema: listShares, config: { presents: { token: 'query' } } } as const
  app.get('/shares', listing, async (request) => {
    parseWire(SharesQuery, request.query)
    const token = requireToken(request)
    await countCall(request)
    return { items: (await shares.list(token)).map((share) => show(share, request)) }
  })

  app.patch('/shares/:id', { schema: changeShare, config: inJson }, async (request) => {
    const { id } = parseWire(ShareParams, request.params)
    const { expiresIn, title, password, maxDownloads } = parseWire(ShareChanges, request.body)
    const token = requireToken(request)
    await countCall(request)
    const lifetimeMs = expiresIn === undefined ? undefined : expiresIn * 1000
    const wish = { title, password, maxDownloads, lifetimeMs }
    return show(await shares.change(token, id, wish), request)
  })

  app.delete('/shares/:id', { schema: endShare, config: inJson }, async (request, reply) => {
    const { id } = parseWire(ShareParams, request.params)
    parseWire(EndShareFields, request.body)
    const token = requireToken(request)
    await countCall(request)
    await shares.end(token, id)
    return reply.code(204).send()
  })

  function show(
    { name, share, state, endsAt, fileName, folder }: OwnShare,
    request: FastifyRequest,
  ) {
    const { content, title, password, maxDownloads, downloads, createdAt, lastUsedAt } = share
    const url = `/s/${name}`
    const root = address.rootOf(request)
    return {
      id: name,
      url,
      link: root === null ? null : root + url,
      state,
      title,
      items: content.kind === 'files' ? content.messageIds : null,
      fileName,
      folder: folder === null ? null : formatFolderPath(folder),
      hasPassword: password !== null,
      maxDownloads,
      downloads,
      createdAt: new Date(createdAt).toISOString(),
      expiresAt: new Date(endsAt).toISOString(),
      lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
    }
  }
}
