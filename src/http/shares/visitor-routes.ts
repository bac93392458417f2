import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { ArchiveService } from '../../core/archives/archive-service.ts'
import type { DownloadService } from '../../core/downloads/download-service.ts'
import type { ThumbnailService } from '../../core/downloads/thumbnail-service.ts'
import {
  type FolderPath,
  formatFolderPath,
  parseFolderPath,
} from '../../core/model/library/folder-path.ts'
import type { ShownFile } from '../../core/ports/catalogue.ts'
import type { ShareMetrics } from '../../core/ports/metrics.ts'
import type { OpenShare, ShareDoor } from '../../core/shares/share-door.ts'
import { AppError } from '../../errors.ts'
import { safeName } from '../../lib/safe-paths.ts'
import { prefers } from '../answers/accept.ts'
import { wantsPage } from '../answers/error-page.ts'
import { addVary } from '../answers/vary.ts'
import { parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { type DeliverArchive, resuming } from '../downloads/deliver-archive.ts'
import type { DeliverFile } from '../downloads/deliver-file.ts'
import { etagOf } from '../downloads/download-answer.ts'
import { hasTag } from '../downloads/download-plan.ts'
import { addressOf } from '../guards/address.ts'
import { DOWNLOAD_HEADERS, REFUSAL_HEADERS } from '../guards/security-headers.ts'
import type { PublicAddress } from '../public-address.ts'
import { toFolder } from '../routes/library.ts'
import { LISTED } from '../schemas/openapi/operation.ts'
import { createShareCookies } from './cookies.ts'
import { createGuessLimit } from './guess-limit.ts'
import { ShareParams } from './owner-schemas.ts'
import { fillSharePage, SHARE_PAGE_POLICY } from './page.ts'
import {
  ArchiveOfShareQuery,
  headShare,
  headSharedArchive,
  headSharedFile,
  openShare,
  PasswordFields,
  SharedFileParams,
  SharedFileQuery,
  ShareListQuery,
  sharedArchive,
  sharedFile,
  sharedThumbnail,
  unlockShare,
} from './visitor-schemas.ts'

export interface ShareVisitorRoutesOptions {
  door: ShareDoor
  downloads: Pick<DownloadService, 'findFor'>
  thumbnails: Pick<ThumbnailService, 'findFor' | 'read'>
  archives: Pick<ArchiveService, 'findFor'>
  deliverArchive: DeliverArchive
  deliverFile: DeliverFile
  guessed: ShareMetrics['guessed']
  address: PublicAddress
  /** The page that a browser gets. */
  html: string
  /** Wrong guesses that an address has in a minute, of all sorts. */
  maxFailures: number
}

/** Wrong passwords of an address in a minute. */
const MAX_GUESSES = 10
/** Passwords of an address in a minute, right ones too. */
const MAX_PASSWORDS = 60
/** Calls of an address in a minute that look into shares. */
const MAX_LOOKS = 1_200
/** Archives from the start, of an address: a list of thousands of files keeps the process busy. */
const MAX_NEW_ARCHIVES = 60
/** A page shows dozens of thumbnails at once. */
const MAX_THUMBNAILS = 3_000

/** Beside its policy, because the route has what `/download` has. */
const PAGE_HEADERS = {
  'content-security-policy': SHARE_PAGE_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
}

/** Shares, for those who have their addresses (CONTRACT.md, section 10). */
export const shareVisitorRoutes: FastifyPluginAsync<ShareVisitorRoutesOptions> = async (
  app,
  options,
) => {
  const { door, downloads, thumbnails, archives, deliverArchive, deliverFile, address } = options
  const guesses = createGuessLimit({
    max: Math.min(MAX_GUESSES, options.maxFailures),
    maxLooks: MAX_PASSWORDS,
    onRefused: () => options.guessed('throttled'),
  })
  const countLook = createAddressRate(MAX_LOOKS)
  const countNewArchive = createAddressRate(MAX_NEW_ARCHIVES)
  const countThumbnail = createAddressRate(MAX_THUMBNAILS)
  const cookies = createShareCookies((request) => {
    const root = address.rootOf(request)
    return root === null ? '' : new URL(root).pathname.replace(/\/$/, '')
  })

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-robots-tag', 'noindex, nofollow')
  })

  function createAddressRate(max: number): (request: FastifyRequest) => Promise<void> {
    const rate = app.createRateLimit({ max, timeWindow: 60_000, keyGenerator: addressOf })
    return async (request) => {
      const state = await rate(request)
      if (state.isAllowed || !state.isExceeded) return
      throw new AppError('TOO_MANY_REQUESTS', 'Too many calls from your address', {
        retryAfter: state.ttlInSeconds,
      })
    }
  }

  async function sendPage(request: FastifyRequest, reply: FastifyReply, name: string) {
    const visitor = cookies.visitorOf(request)
    const { needsPassword } = await door.knock(name, visitor)
    const open = needsPassword ? null : await door.enter(name, visitor)
    // With a password, not even what is in it: apps show that to everyone who sees the link.
    const shown =
      open?.share.password === null
        ? { share: open.share, contents: await door.contents(open) }
        : null
    const html = fillSharePage(options.html, shown)
    cookies.beginVisit(request, reply, name)
    reply.headers(PAGE_HEADERS)
    return reply.type('text/html; charset=utf-8').send(html)
  }

  async function sendFile(
    request: FastifyRequest,
    reply: FastifyReply,
    { open, messageId, disposition }: WantedFile,
  ) {
    const { fileId } = await door.file(open, messageId)
    const signal = clientSignal(reply)
    const wanted = { messageId, fileId: fileId ?? undefined }
    const found = await downloads.findFor(open.credentials, wanted, signal)
    const visitor = cookies.visitorOf(request)
    const onFirstByte = () => door.count(open, visitor, messageId)
    return deliverFile({ request, reply, found, disposition, signal, onFirstByte })
  }

  async function answerShare(request: FastifyRequest, reply: FastifyReply) {
    const { id } = parseWire(ShareParams, request.params)
    const query = parseWire(ShareListQuery, request.query)
    await countLook(request)
    addVary(reply, 'Accept')
    addVary(reply, 'User-Agent')
    if (wantsPage(request) || showsLinks(request)) return sendPage(request, reply, id)
    const open = await door.enter(id, cookies.visitorOf(request))
    const only = onlyFileOf(open)
    if (only !== null && !wantsList(request)) {
      return sendFile(request, reply, { open, messageId: only, disposition: query.disposition })
    }
    const contents = await door.contents(open)
    const page = await door.list(open, contents, {
      path: parseFolderPath(query.folder, 'folder'),
      recursive: query.recursive === 'true',
      cursor: query.cursor || null,
    })
    cookies.beginVisit(request, reply, id)
    reply.headers({ ...REFUSAL_HEADERS, 'cache-control': 'no-store' })
    const { share, endsAt } = open
    const { title, maxDownloads, downloads: counted } = share
    const { total, folder: base } = contents
    return reply.send({
      title,
      expiresAt: new Date(endsAt).toISOString(),
      downloadsLeft: maxDownloads === null ? null : Math.max(0, maxDownloads - counted),
      total,
      isFolder: share.content.kind === 'folder',
      items: page.files.map((file) => toSharedFile(file, base)),
      folders: page.folders.map(({ path, ...rest }) =>
        toFolder({ path: path.slice(base?.length ?? 0), ...rest }),
      ),
      next: page.next,
    })
  }

  async function answerFile(request: FastifyRequest, reply: FastifyReply) {
    const { id, messageId } = parseWire(SharedFileParams, request.params)
    const { disposition } = parseWire(SharedFileQuery, request.query)
    const open = await door.enter(id, cookies.visitorOf(request))
    return sendFile(request, reply, { open, messageId, disposition })
  }

  async function answerArchive(request: FastifyRequest, reply: FastifyReply) {
    const { id } = parseWire(ShareParams, request.params)
    const path = parseFolderPath(parseWire(ArchiveOfShareQuery, request.query).folder, 'folder')
    const { resumes } = resuming(request)
    await (resumes ? countLook : countNewArchive)(request)
    const visitor = cookies.visitorOf(request)
    const open = await door.enter(id, visitor)
    const wish = door.archive(await door.contents(open), path)
    const signal = clientSignal(reply)
    const asked = { wish, resumes, share: open.share.id }
    const found = await archives.findFor(open.credentials, asked, signal)
    const title = path.at(-1) ?? open.share.title
    const fileName = title === null ? undefined : `${safeName(title)}.zip`
    const onFirstByte = () => door.count(open, visitor, path)
    return deliverArchive({ request, reply, found, fileName, signal, onFirstByte })
  }

  const heavy = { isLink: true, isHeavy: true }
  const head = { method: 'HEAD', config: { ...LISTED, isLink: true } } as const
  const get = { method: 'GET', config: heavy, exposeHeadRoute: false } as const
  const share = { url: '/s/:id', helmet: DOWNLOAD_HEADERS, handler: answerShare }
  app.route({ ...share, ...head, schema: headShare })
  app.route({ ...share, ...get, schema: openShare })
  const file = { url: '/s/:id/files/:messageId', helmet: DOWNLOAD_HEADERS, handler: answerFile }
  app.route({ ...file, ...head, schema: headSharedFile })
  app.route({ ...file, ...get, schema: sharedFile })

  const archive = { url: '/s/:id/archive', helmet: DOWNLOAD_HEADERS, handler: answerArchive }
  app.route({ ...archive, ...head, schema: headSharedArchive })
  app.route({ ...archive, ...get, schema: sharedArchive })

  app.get(
    '/s/:id/files/:messageId/thumbnail',
    { schema: sharedThumbnail, config: heavy },
    async (request, reply) => {
      const { id, messageId } = parseWire(SharedFileParams, request.params)
      await countThumbnail(request)
      const open = await door.enter(id, cookies.visitorOf(request))
      await door.file(open, messageId)
      const signal = clientSignal(reply)
      const found = await thumbnails.findFor(open.credentials, messageId, signal)
      const etag = etagOf(found.document)
      const headers = { 'cache-control': 'private, no-cache', etag }
      const { 'if-none-match': known } = request.headers
      if (known !== undefined && hasTag(known, etag)) return reply.code(304).headers(headers).send()
      const picture = await thumbnails.read(found, signal)
      return reply.headers(headers).type('image/jpeg').send(picture)
    },
  )

  app.post('/s/:id/password', { schema: unlockShare }, async (request, reply) => {
    const { id } = parseWire(ShareParams, request.params)
    const { password } = parseWire(PasswordFields, request.body)
    const look = () => door.unlock(id, password, cookies.visitorOf(request))
    const unlocked = await guesses.guess(addressOf(request), look)
    reply.header('cache-control', 'no-store')
    if (unlocked !== null) {
      const { pass: value, maxAgeMs } = unlocked
      cookies.keepPass(request, reply, { share: id, value, maxAgeMs })
    }
    return reply.code(204).send()
  })
}

interface WantedFile {
  open: OpenShare
  messageId: number
  disposition: 'inline' | 'attachment'
}

/** The message of the one file that is shared; null: there are several, or a folder. */
function onlyFileOf({ share: { content } }: OpenShare): number | null {
  const [only, ...more] = content.kind === 'files' ? content.messageIds : []
  return only === undefined || more.length > 0 ? null : only
}

/** Whether a program asks for JSON by its name; most take anything. */
function wantsList({ headers }: FastifyRequest): boolean {
  const { accept } = headers
  return prefers(accept, 'application/json', { to: 'application/octet-stream', evenIfEqual: true })
}

/**
 * Programs of messengers and search engines that fetch a link to show what is behind it: they take
 * anything, and would have the one file, and its last download, before the person who gets the link.
 */
const SHOWS_LINKS = /bot\b|externalhit|externalagent|whatsapp|preview|embedly|iframely|vkshare/i

function showsLinks({ headers }: FastifyRequest): boolean {
  return SHOWS_LINKS.test(headers['user-agent'] ?? '')
}

/** Files that are shared one by one have no folder. */
function toSharedFile(file: ShownFile, base: FolderPath | null) {
  return {
    messageId: file.messageId,
    fileName: file.name,
    folder: formatFolderPath(base === null ? [] : file.path.slice(base.length)),
    size: file.size,
    mimeType: file.mimeType,
    kind: file.kind,
    modifiedAt: file.modifiedAt === null ? null : new Date(file.modifiedAt).toISOString(),
    sha256: file.sha256,
    thumbnail: file.hasThumbnail,
  }
}
