import cors from '@fastify/cors'
import multipart from '@fastify/multipart'
import { type FastifyBaseLogger, type FastifyInstance, fastify } from 'fastify'
import type { DownloadService } from '../core/download-service.ts'
import type { Spool } from '../core/ports/spool.ts'
import type { Room } from '../core/room.ts'
import type { Probe } from '../core/readiness.ts'
import type { TicketService } from '../core/ticket-service.ts'
import type { UploadService } from '../core/upload-service.ts'
import { AppError } from '../errors.ts'
import { KiB, MiB } from '../lib/units.ts'
import { installErrorHandler, refuseEarly } from './error-handler.ts'
import { installPressure, type PressureLimits } from './pressure.ts'
import { downloadRoutes } from './routes/download.ts'
import { serviceRoutes } from './routes/service.ts'
import { smallUploadRoutes } from './routes/small-upload.ts'
import { ticketRoutes } from './routes/tickets.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { createUnclaimedBudget } from './unclaimed-budget.ts'
import { createUnreadableAnswers } from './unreadable.ts'

export interface HttpServerOptions {
  uploads: UploadService
  downloads: DownloadService
  tickets: TicketService
  spool: Pick<Spool, 'receive'>
  page: string
  /** What `/readyz` asks. */
  probes: Readonly<Record<string, Probe>>
  maxChunkBytes: number
  maxConcurrentDownloads: number
  /** Empty: every origin may call. */
  corsOrigins: readonly string[]
  pressure: PressureLimits
  room: Pick<Room, 'creditBytes'>
  /** Milliseconds that running requests get once the server closes. */
  graceMs: number
  log: FastifyBaseLogger
}

/** JSON bodies are a handful of short fields. */
const MAX_JSON_BYTES = 64 * KiB

/** The HTTP face of the worker, ready to listen. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { uploads, downloads, spool, maxChunkBytes } = options
  const unreadable = createUnreadableAnswers()
  const app = fastify({
    loggerInstance: options.log,
    bodyLimit: MAX_JSON_BYTES,
    // Render's proxy keeps its connections for longer than Node's 5 s.
    keepAliveTimeout: 75_000,
    // A slow phone needs longer for a chunk than any fixed time; progress is watched instead.
    requestTimeout: 0,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: false,
    // Asked for by a hook instead, whose refusal is JSON.
    http: { requireHostHeader: false },
    clientErrorHandler: unreadable.onClientError,
    frameworkErrors: refuseEarly,
  })

  unreadable.watch(app)
  closeInTime(app, options.graceMs)
  installErrorHandler(app, Math.max(maxChunkBytes, 50 * MiB))
  await app.register(cors, {
    origin: options.corsOrigins.length === 0 ? '*' : [...options.corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Range', 'If-Range', 'Last-Event-ID'],
    exposedHeaders: [
      'Accept-Ranges',
      'Content-Disposition',
      'Content-Length',
      'Content-Range',
      'ETag',
      'Last-Modified',
      'Retry-After',
    ],
    maxAge: 86_400,
  })
  await installPressure(app, options.pressure)
  await app.register(multipart, { throwFileSizeLimit: false })
  await app.register(serviceRoutes, { page: options.page, probes: options.probes })
  const unclaimed = createUnclaimedBudget(options.room.creditBytes)
  await app.register(uploadRoutes, { uploads, spool, unclaimed, maxChunkBytes })
  await app.register(smallUploadRoutes, { uploads, spool, unclaimed, maxChunkBytes })
  await app.register(ticketRoutes, { tickets: options.tickets })
  await app.register(downloadRoutes, { downloads, maxConcurrent: options.maxConcurrentDownloads })
  return app
}

/**
 * While it closes, the server refuses new requests with the contract's 503; connections that are
 * still busy after `graceMs`, or that never sent a request, are cut, because `close()` would wait
 * for them forever.
 */
function closeInTime(app: FastifyInstance, graceMs: number): void {
  let closing = false
  app.addHook('onRequest', async () => {
    if (closing) throw new AppError('SHUTTING_DOWN', 'The worker is restarting; try again')
  })
  app.addHook('preClose', async () => {
    closing = true
    setTimeout(() => app.server.closeAllConnections(), graceMs).unref()
  })
}
