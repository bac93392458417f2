import type { FastifyPluginAsync } from 'fastify'
import type { ThumbnailService } from '../../core/downloads/thumbnail-service.ts'
import type { LibraryService, LibraryState } from '../../core/library/library-service.ts'
import { formatFolderPath, parseFolderPath } from '../../core/model/library/folder-path.ts'
import { searchWords } from '../../core/model/library/names.ts'
import { linkOf } from '../../core/model/library/posts.ts'
import type { FolderSummary, LibraryKey, ShownFile } from '../../core/ports/catalogue.ts'
import { parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { etagOf } from '../downloads/download-answer.ts'
import { hasTag } from '../downloads/download-plan.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import {
  LibraryItemParams,
  LibraryItemQuery,
  LibraryQuery,
  listLeftovers,
  listLibrary,
  RescanFields,
  rescanLibrary,
  showLibraryItem,
  showThumbnail,
} from '../schemas/library.ts'

export interface LibraryRoutesOptions {
  library: LibraryService
  thumbnails: ThumbnailService
}

/** Of one token. A search of 100,000 names takes some milliseconds of the process. */
const MAX_PER_MINUTE = 600
/** Of one token: a grid shows dozens at once, and a person scrolls. */
const MAX_THUMBNAILS_PER_MINUTE = 3_000

/** What is in the channel (CONTRACT.md, section 7). */
export const libraryRoutes: FastifyPluginAsync<LibraryRoutesOptions> = async (app, options) => {
  const { library, thumbnails } = options
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'calls' })
  const countThumbnail = createTokenRate(app, {
    maxPerMinute: MAX_THUMBNAILS_PER_MINUTE,
    what: 'thumbnails',
  })
  const presents = { token: 'query' } as const

  app.get('/library', { schema: listLibrary, config: { presents } }, async (request, reply) => {
    const query = parseWire(LibraryQuery, request.query)
    const path = parseFolderPath(query.folder, 'folder')
    const words = searchWords(query.q)
    const { recursive = words.length > 0 ? 'true' : 'false' } = query
    const { order = query.sort === 'name' ? 'asc' : 'desc' } = query
    const token = requireToken(request)
    await countCall(request)
    const { page, next, state, key } = await library.list(token, {
      path,
      words,
      recursive: recursive === 'true',
      kind: query.kind ?? null,
      sort: query.sort,
      descending: order === 'desc',
      limit: query.limit,
      cursor: query.cursor || null,
    })
    reply.header('cache-control', 'no-store')
    return {
      items: page.files.map((file) => toItem(file, key)),
      folders: page.folders.map(toFolder),
      next,
      sync: toSync(state),
    }
  })

  const listing = { schema: listLeftovers, config: { presents } } as const
  app.get('/library/leftovers', listing, async (request, reply) => {
    parseWire(LibraryItemQuery, request.query)
    const token = requireToken(request)
    await countCall(request)
    const found = await library.leftovers(token)
    reply.header('cache-control', 'no-store')
    return {
      items: found.map(({ name: fileName, volumes, of, bytes, postedAt, messageIds }) => ({
        ...{ fileName, volumes, of, bytes, messageIds },
        createdAt: new Date(postedAt).toISOString(),
      })),
    }
  })

  app.get(
    '/library/:messageId',
    { schema: showLibraryItem, config: { presents } },
    async (request, reply) => {
      const { messageId } = parseWire(LibraryItemParams, request.params)
      parseWire(LibraryItemQuery, request.query)
      const token = requireToken(request)
      await countCall(request)
      const { file, key } = await library.find(token, messageId)
      reply.header('cache-control', 'no-store')
      return toItem(file, key)
    },
  )

  app.get(
    '/library/:messageId/thumbnail',
    { schema: showThumbnail, config: { presents, isHeavy: true } },
    async (request, reply) => {
      const { messageId } = parseWire(LibraryItemParams, request.params)
      parseWire(LibraryItemQuery, request.query)
      const token = requireToken(request)
      await countThumbnail(request)
      const signal = clientSignal(reply)
      const found = await thumbnails.find(token, messageId, signal)
      const etag = etagOf(found.document)
      // Asked for again each time: in one browser two users may have messages of one number.
      const headers = { 'cache-control': 'private, no-cache', etag }
      const { 'if-none-match': known } = request.headers
      if (known !== undefined && hasTag(known, etag)) return reply.code(304).headers(headers).send()
      const picture = await thumbnails.read(found, signal)
      return reply.headers(headers).type('image/jpeg').send(picture)
    },
  )

  const rescanning = { schema: rescanLibrary, config: { presents: { token: 'json' } } } as const
  app.post('/library/rescan', rescanning, async (request, reply) => {
    parseWire(RescanFields, request.body)
    const token = requireToken(request)
    await countCall(request)
    const state = await library.rescan(token)
    return reply.code(202).send({ sync: toSync(state) })
  })
}

/** A file as the API shows it. */
export function toItem(file: ShownFile, key: LibraryKey) {
  return {
    messageId: file.messageId,
    fileName: file.name,
    folder: formatFolderPath(file.path),
    size: file.size,
    mimeType: file.mimeType,
    kind: file.kind,
    createdAt: new Date(file.postedAt).toISOString(),
    modifiedAt: toTime(file.modifiedAt),
    sha256: file.sha256,
    verified: file.isMeasured,
    volumes: file.volumes ?? 1,
    thumbnail: file.hasThumbnail,
    link: linkOf(key, file.messageId),
    postedBy: file.captionId === null ? 'telegram' : 'telestore',
  }
}

/** A folder as the API shows it. */
export function toFolder({ path, files, bytes }: FolderSummary) {
  return { path: formatFolderPath(path), name: path.at(-1) ?? '', files, bytes }
}

function toSync({ state, seen, total, at }: LibraryState) {
  return { state, seen, total, at: toTime(at) }
}

function toTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
