import { type FastifyBaseLogger, type FastifyInstance, fastify } from 'fastify'
import type { KnownTokens } from '../core/access/known-tokens.ts'
import type { TicketService } from '../core/access/ticket-service.ts'
import type { ArchiveService, FoundArchive } from '../core/archives/archive-service.ts'
import type { DownloadService } from '../core/downloads/download-service.ts'
import type { ThumbnailService } from '../core/downloads/thumbnail-service.ts'
import type { LibraryChanging } from '../core/library/changes/library-changes.ts'
import type { LibraryService } from '../core/library/library-service.ts'
import type { Probe } from '../core/ports/health.ts'
import type { Metrics, ShareMetrics } from '../core/ports/metrics.ts'
import type { Spool } from '../core/ports/spool.ts'
import type { JobList } from '../core/progress/job-list.ts'
import type { ProgressWatch } from '../core/progress/progress-watch.ts'
import type { WorkGate } from '../core/runtime/work-gate.ts'
import type { ShareDoor } from '../core/shares/share-door.ts'
import type { ShareService } from '../core/shares/share-service.ts'
import type { Capacity } from '../core/uploads/capacity.ts'
import type { HeldChunks } from '../core/uploads/held-chunks.ts'
import type { StreamService } from '../core/uploads/stream-service.ts'
import type { UploadService } from '../core/uploads/upload-service.ts'
import type { PreemptibleLock } from '../lib/concurrency/preemptible-lock.ts'
import { KiB, MiB } from '../lib/units.ts'
import { createTurnBudget, inTurns } from '../lib/waiting/turn-budget.ts'
import { installErrorHandler, refuseEarly } from './answers/error-handler.ts'
import { createParseErrorAnswers } from './answers/parse-error-answer.ts'
import { installRequestMetrics } from './answers/request-metrics.ts'
import { archiveRoutes } from './archives/routes.ts'
import { installBodyTypes } from './bodies/body-types.ts'
import { type ClusterRoutesOptions, clusterRoutes } from './cluster/routes.ts'
import { installConnectionDraining } from './connections/connection-draining.ts'
import type { Connections } from './connections/connections.ts'
import { installMinUploadRate } from './connections/min-upload-rate.ts'
import { createNodeServer } from './connections/node-server.ts'
import { createArchiveDelivery } from './downloads/deliver-archive.ts'
import { createFileDelivery } from './downloads/deliver-file.ts'
import { createDelivery } from './downloads/delivery.ts'
import { allowOriginEarly, installCors, installSocketOrigins } from './guards/cors.ts'
import { installLimits, MAX_JSON_BYTES, MAX_PARAMETER, trustedProxies } from './guards/limits.ts'
import { installMethods } from './guards/methods.ts'
import { createCallerToken } from './guards/presented-credentials.ts'
import { installPressure, type PressureLimits } from './guards/pressure.ts'
import { installRequestQuota } from './guards/request-quota.ts'
import { installSecurityHeaders } from './guards/security-headers.ts'
import { installThrottle, type Throttle } from './guards/throttle.ts'
import { createUnclaimedBudget } from './guards/unclaimed-budget.ts'
import { createPublicAddress, type PublicAddress } from './public-address.ts'
import { docsRoutes } from './routes/docs.ts'
import { downloadRoutes } from './routes/download.ts'
import { type HandOverRoutesOptions, handOverRoutes } from './routes/hand-over.ts'
import { jobsRoutes } from './routes/jobs.ts'
import { libraryRoutes } from './routes/library.ts'
import { libraryChangesRoutes } from './routes/library-changes.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { type Page, pageRoutes } from './routes/page.ts'
import { progressRoutes } from './routes/progress.ts'
import { serviceRoutes } from './routes/service.ts'
import { smallUploadRoutes } from './routes/small-upload.ts'
import { socketRoutes } from './routes/socket.ts'
import { ticketRoutes } from './routes/tickets.ts'
import { uploadThumbnailRoutes } from './routes/upload-thumbnail.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { type Documentation, installDocumentation } from './schemas/openapi/documentation.ts'
import { DESCRIBE_ONLY } from './schemas/openapi/operation.ts'
import { shareOwnerRoutes } from './shares/owner-routes.ts'
import { shareVisitorRoutes } from './shares/visitor-routes.ts'
import { tusRoutes } from './tus/routes.ts'

/** Everything that the server needs. It gets no secret. */
export interface HttpServerOptions {
  services: HttpServices
  spool: Pick<Spool, 'receive'>
  page: Page
  /** The checks of `/readyz`. */
  probes: Readonly<Record<string, Probe>>
  limits: HttpLimits
  callers: CallerOptions
  instance: InstanceOptions
  /** The worker's time. */
  now: () => number
  log: FastifyBaseLogger
}

export interface HttpServices {
  uploads: UploadService
  streams: StreamService
  uploadLock: PreemptibleLock
  downloads: DownloadService
  archives: ArchiveService
  watch: ProgressWatch
  metrics: Metrics
  jobs: JobList
  library: LibraryService
  thumbnails: ThumbnailService
  shares: ShareService
  shareDoor: ShareDoor
  shareMetrics: ShareMetrics
  changing: LibraryChanging
  /** The progress of an upload, or of a job of the library. */
  progressOf: UploadService['progress']
  tickets: TicketService
  knownTokens: Pick<KnownTokens, 'find' | 'addLink'>
  capacity: Pick<Capacity, 'unclaimedBytes' | 'freeBytes'>
  held: Pick<HeldChunks, 'arriving'>
}

/** Limits of requests and files. */
export interface HttpLimits {
  maxChunkBytes: number
  maxFileBytes: number
  /** Milliseconds without progress after which an upload is removed. */
  sessionTtlMs: number
  maxConcurrentDownloads: number
  /** Wrong guesses that an address has in a minute, and a user. */
  maxFailures: number
  /** Milliseconds: a sender that is stalled for so long is cut. */
  stallMs: number
  pressure: PressureLimits
}

/** Which callers are let in, and how their addresses are found. */
export interface CallerOptions {
  /** Whether a token is needed even for calls that deployed clients make without one. */
  requireAuth: boolean
  /** Empty: every origin may call. */
  corsOrigins: readonly string[]
  /** Which proxies' `X-Forwarded-…` headers count; see Config. */
  trustProxy: false | number | string
  /** The worker's address from outside, without a slash at its end; null: not known. */
  publicUrl: string | null
  /** Whether the host has set `publicUrl`, so that a trusted proxy may overrule it. */
  isPublicUrlDefault: boolean
}

/** How this instance hands over to another one of its deployment, and stops. */
export interface InstanceOptions {
  workGate: Pick<WorkGate, 'takesRequests'>
  /** Whether the health check is to fail, so that traffic still goes to the older instance. */
  awaitsOlder: () => boolean
  /** Null if the instances of the deployment share no secret. */
  handOver: HandOverRoutesOptions['answer'] | null
  /** Null where the worker is no node of a cluster. */
  peers: ClusterRoutesOptions['door'] | null
  /** Milliseconds that running requests get once the server closes. */
  graceMs: number
}

/**
 * File bytes that are received and sent in one turn of the event loop: a few milliseconds of work.
 * With 1 MB the 99th percentile of a poll among 250 busy connections was 177 ms, with this 152 ms.
 */
const BYTES_PER_TURN = 256 * KiB

/** A share of all connections: 500 requests are more uploads than 512 MB of memory can carry. */
const REQUESTS_OF_ONE_ADDRESS = 1 / 4
/** Sockets and event streams together leave a quarter of the connections to other requests. */
const SUBSCRIBERS_OF_A_KIND = 3 / 8

/** The HTTP face of the worker, ready to listen. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { corsOrigins, trustProxy, publicUrl, isPublicUrlDefault } = options.callers
  const trusts = trustedProxies(trustProxy)
  const address = createPublicAddress({ publicUrl, isPublicUrlDefault, trusts })
  const { serverFactory, connections, unanswered } = createNodeServer(options.log)
  const parseErrors = createParseErrorAnswers({ corsOrigins, unanswered })
  const app = fastify({
    loggerInstance: options.log,
    serverFactory,
    schemaController: DESCRIBE_ONLY,
    bodyLimit: MAX_JSON_BYTES,
    trustProxy: trusts,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MAX_PARAMETER },
    return503OnClosing: false,
    clientErrorHandler: parseErrors.onClientError,
    frameworkErrors: (error, request, reply) => {
      allowOriginEarly(corsOrigins, request, reply)
      refuseEarly(error, request, reply)
    },
  })
  // Before CORS, which answers preflights itself.
  await installSecurityHeaders(app)
  // Before every guard, because a browser hides a refusal without CORS headers.
  await installCors(app, corsOrigins)
  installSocketOrigins(app, corsOrigins, address)
  parseErrors.watch(app)
  const throttle = await installGuards(app, options, connections)
  // Before the routes, because it collects them as they are registered.
  const documentation = installDocumentation(app)
  await registerOpenRoutes(app, options, { address, documentation })
  await registerFileRoutes(app, options, { throttle, connections, address })
  return app
}

/**
 * Installs what every request passes before its route, and what every refusal passes on its way
 * out.
 */
async function installGuards(
  app: FastifyInstance,
  options: HttpServerOptions,
  { max, refuse: onDrain }: Connections,
): Promise<Throttle> {
  const { services, limits } = options
  const { workGate, graceMs } = options.instance
  const { stallMs, maxFailures } = limits
  installLimits(app)
  installRequestQuota(app, max * REQUESTS_OF_ONE_ADDRESS)
  installMinUploadRate(app, { stallMs })
  installConnectionDraining(app, { workGate, graceMs })
  installMethods(app)
  const { knownTokens, uploads, metrics } = services
  const throttle = await installThrottle(app, { maxFailures, knownTokens, uploads })
  const maxChunkBytes = Math.max(limits.maxChunkBytes, 50 * MiB)
  installErrorHandler(app, { maxChunkBytes, countRefusal: throttle.countRefusal, onDrain })
  installRequestMetrics(app, metrics)
  await installPressure(app, limits.pressure)
  await installBodyTypes(app)
  return throttle
}

/** Registers routes that need no token. */
async function registerOpenRoutes(
  app: FastifyInstance,
  options: HttpServerOptions,
  { address, documentation }: { address: PublicAddress; documentation: Documentation },
): Promise<void> {
  const { page, probes } = options
  const { awaitsOlder, handOver, peers } = options.instance
  await app.register(metricsRoutes, { metrics: options.services.metrics })
  await app.register(pageRoutes, { page })
  await app.register(docsRoutes, { documentation, address })
  const { maxFileBytes } = options.limits
  const service = { page, maxFileBytes, probes, awaitsOlder, documentation }
  await app.register(serviceRoutes, service)
  if (handOver) await app.register(handOverRoutes, { answer: handOver })
  if (peers) await app.register(clusterRoutes, { door: peers })
}

interface FileRouteParts {
  throttle: Throttle
  connections: Connections
  address: PublicAddress
}

/** Registers routes that carry files, or tell their state. */
async function registerFileRoutes(
  app: FastifyInstance,
  options: HttpServerOptions,
  { throttle, connections, address }: FileRouteParts,
): Promise<void> {
  const { services, limits, now } = options
  const { uploads, watch, uploadLock, jobs, library, changing, tickets } = services
  const { metrics, knownTokens } = services
  const { maxChunkBytes, maxFileBytes, sessionTtlMs, maxConcurrentDownloads } = limits
  const { spool, streams, downloads, archives } = inEqualTurns(options)
  const unclaimed = createUnclaimedBudget(services.capacity)
  const callerToken = createCallerToken(options.callers.requireAuth)
  const { held } = services
  const receiving = { uploads, spool, unclaimed, held, throttle, maxChunkBytes, callerToken }
  await app.register(uploadRoutes, receiving)
  await app.register(smallUploadRoutes, receiving)
  await app.register(uploadThumbnailRoutes, { uploads, callerToken })
  const tus = { streams, uploads, uploadLock, address, maxFileBytes, sessionTtlMs, now }
  await app.register(tusRoutes, tus)
  const maxSubscribers = connections.max * SUBSCRIBERS_OF_A_KIND
  const progress = { uploads: { progress: services.progressOf }, watch }
  await app.register(progressRoutes, { ...progress, callerToken, maxSubscribers })
  await app.register(socketRoutes, { watch, library, maxSubscribers })
  await app.register(jobsRoutes, { jobs, changing })
  await app.register(libraryRoutes, { library, thumbnails: services.thumbnails })
  await app.register(libraryChangesRoutes, { changing })
  await app.register(ticketRoutes, { tickets, archives, address })
  const deliver = createDelivery({ maxConcurrent: maxConcurrentDownloads, connections })
  const deliverFile = createFileDelivery({ downloads, metrics, deliver })
  await app.register(downloadRoutes, { downloads, knownTokens, deliverFile })
  const deliverArchive = createArchiveDelivery({ metrics, deliver })
  await app.register(archiveRoutes, { archives, knownTokens, deliverArchive })
  await app.register(shareOwnerRoutes, { shares: services.shares, address })
  await app.register(shareVisitorRoutes, {
    door: services.shareDoor,
    guessed: services.shareMetrics.guessed,
    thumbnails: services.thumbnails,
    html: options.page.shareHtml ?? NO_SHARE_PAGE,
    maxFailures: limits.maxFailures,
    ...{ downloads, archives, deliverArchive, deliverFile, address },
  })
}

/** A program that embeds the worker may have a page of its own for its users, and none for strangers. */
const NO_SHARE_PAGE =
  '<!doctype html><title>Shared files</title><p>This worker has no page for shares.'

/**
 * Returns the same services, with the bytes of all files limited in each turn of the event loop.
 */
function inEqualTurns({
  spool,
  services: { streams, downloads, archives },
}: Pick<HttpServerOptions, 'spool' | 'services'>) {
  const turns = createTurnBudget(BYTES_PER_TURN)
  const receive: Spool['receive'] = (source, how) => spool.receive(inTurns(source, turns), how)
  const append: StreamService['append'] = (id, offset, source, confirm) =>
    streams.append(id, offset, { ...source, bytes: inTurns(source.bytes, turns) }, confirm)
  const read: DownloadService['read'] = (file, range, signal) =>
    inTurns(downloads.read(file, range, signal), turns)
  const archiveInTurns = (found: FoundArchive): FoundArchive => ({
    ...found,
    read: (range, aborts) => inTurns(found.read(range, aborts), turns),
  })
  return {
    archives: {
      find: async (...asked) => archiveInTurns(await archives.find(...asked)),
      findFor: async (...asked) => archiveInTurns(await archives.findFor(...asked)),
      keepList: archives.keepList,
    } satisfies ArchiveService,
    spool: { receive },
    streams: { ...streams, append },
    downloads: { ...downloads, read },
  }
}
