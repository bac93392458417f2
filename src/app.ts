import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { createAdmission } from './core/admission.ts'
import { createBlockCache } from './core/block-cache.ts'
import { createCustody } from './core/custody.ts'
import { createDocumentReader } from './core/document-reader.ts'
import { createDownloadService } from './core/download-service.ts'
import { createJobQueue } from './core/job-queue.ts'
import { createKnownTokens } from './core/known-tokens.ts'
import { createLetGo } from './core/let-go.ts'
import type { CredentialsProvider } from './core/ports/credentials.ts'
import type { Ledger } from './core/ports/ledger.ts'
import type { Spool } from './core/ports/spool.ts'
import type { TelegramGate, TelegramGateway } from './core/ports/telegram.ts'
import { createProgressBoard } from './core/progress.ts'
import { createProgressWatch } from './core/progress-watch.ts'
import type { CircuitStatus, Probe } from './core/readiness.ts'
import { createRoom } from './core/room.ts'
import { createStreamService } from './core/stream-service.ts'
import { createTicketService } from './core/ticket-service.ts'
import { createTransfers } from './core/transfer.ts'
import { createUploadService } from './core/upload-service.ts'
import type { Deployment } from './deployment/deployment.ts'
import type { Page } from './http/routes/page.ts'
import { createHttpServer } from './http/server.ts'
import { createKeyedLock } from './lib/keyed-lock.ts'
import { createTakeoverLock } from './lib/takeover-lock.ts'
import { MiB } from './lib/units.ts'
import { createMetricsRoom } from './metrics/metrics.ts'

/** What is cleared away in the background: expired uploads and what nobody owns. */
export interface Sweeping {
  start: (intervalMs: number) => void
  stop: () => Promise<void>
}

/** What the sweep must know about running work. */
export interface SweepGuards {
  isActive: (uploadId: string) => boolean
  onExpired: (uploadId: string) => Promise<void>
  exclusively: <T>(uploadId: string, work: () => Promise<T>) => Promise<T>
}

/** The rooms around core, opened. Who opens them closes them. */
export interface Adapters {
  ledger: Ledger
  spool: Spool
  gateway: TelegramGateway
  /** Before that gateway: says when it may connect. */
  gate: TelegramGate
  /** This instance among the others of its deployment. */
  deployment: Deployment
  credentials: CredentialsProvider
  /** Delivers webhooks from the ledger; null where there is no backend to tell. */
  outbox: { notify: () => void } | null
  createSweeper: (guards: SweepGuards) => Sweeping
  /** The worker's time, epoch milliseconds: never goes back, whatever is done to the clock. */
  now: () => number
  /** What `/readyz` asks, by the dependency's name. */
  probes: Readonly<Record<string, Probe>>
  /** The circuit breakers before backend and Telegram, by name. */
  circuits: () => Record<string, CircuitStatus>
  page: Page
  log: FastifyBaseLogger
}

export interface App {
  readonly server: FastifyInstance
  /**
   * Once Telegram is this instance's: goes on with what an earlier process left unfinished. Begins
   * to sweep.
   */
  resume: () => void
  /**
   * Stops taking work, lets what is nearly done end, stops the jobs where they can go on after a
   * restart, disconnects from Telegram, and only then waits for slow clients. `hurry`: nothing
   * gets any time.
   */
  close: (options?: { hurry: boolean }) => Promise<void>
}

export interface AppOptions {
  /** Milliseconds after which an instance that has let go of Telegram asks for it back. */
  returnAfterMs?: number
}

const SWEEP_EVERY_MS = 60_000
/** How long a request waits for another one that has the same stream, and was asked to end. */
const TAKEOVER_PATIENCE_MS = 10_000
/** What one reader, and all of them together, may have ahead of what they have passed on. */
const READER_WINDOW_BYTES = 8 * MiB
const ALL_READERS_BYTES = 64 * MiB

/** Puts the worker together: the one place that knows who needs whom. */
export async function buildApp(
  config: Config,
  adapters: Adapters,
  { returnAfterMs }: AppOptions = {},
): Promise<App> {
  const { spool, deployment, outbox, now, log } = adapters
  const counting = createMetricsRoom()
  const ledger = counting.meterLedger(adapters.ledger)
  const gateway = counting.meterGateway(adapters.gateway)
  const admission = createAdmission()
  const knownTokens = createKnownTokens()
  const tickets = createTicketService({
    ledger,
    credentials: knownTokens.watch(adapters.credentials),
    now,
  })
  const { credentials } = tickets
  const locks = createKeyedLock()
  const progress = createProgressBoard()
  const queue = createJobQueue({
    concurrency: config.maxConcurrentUploads,
    onError: (uploadId, err) => log.error({ uploadId, err }, 'a job ended in a bug'),
  })
  const transfers = createTransfers({
    ledger,
    spool,
    gateway,
    credentials,
    progress,
    queue,
    webhooks: outbox !== null,
    onWebhook: () => outbox?.notify(),
    attempts: config.transferAttempts,
    maxDurationMs: config.transferMaxMs,
    now,
    log,
  })
  const room = createRoom({ ledger, spool, spoolMaxBytes: config.spoolMaxBytes })
  const intake = {
    ledger,
    gateway,
    transfers,
    maxFileBytes: config.maxFileBytes,
    perUser: { maxUploads: config.maxUploadsPerUser, maxBytes: config.maxBytesPerUser },
    room,
    admission,
    now,
    log,
  }
  const { progressReader } = tickets
  const uploads = createUploadService({
    ...intake,
    spool,
    credentials,
    progressReader,
    progress,
    locks,
  })
  const takeover = createTakeoverLock(TAKEOVER_PATIENCE_MS)
  const streams = createStreamService({ ...intake, uploads, spool, progress, locks, takeover })
  const cache = createBlockCache({ gateway, maxBytes: config.blockCacheBytes })
  const reader = createDocumentReader({
    cache,
    maxWindowBytes: READER_WINDOW_BYTES,
    maxTotalBytes: ALL_READERS_BYTES,
  })
  const downloads = createDownloadService({ credentials, gateway, reader, admission })
  const sweeper = adapters.createSweeper({
    isActive: transfers.isActive,
    onExpired: uploads.expire,
    exclusively: locks.run,
  })
  const custody = createCustody({
    ...deployment,
    gate: adapters.gate,
    admission,
    letGo: createLetGo({
      admission,
      transfers,
      downloads,
      queue,
      gate: adapters.gate,
      graceMs: config.shutdownGraceMs,
      log,
    }),
    onHeld: () => {
      queue.reopen()
      transfers.resume()
      void streams.resume()
    },
    graceMs: config.shutdownGraceMs,
    startupDelayMs: config.startupTelegramDelayMs,
    returnAfterMs,
    log,
  })
  const { answer } = deployment
  const server = await createHttpServer({
    uploads,
    streams,
    takeover,
    downloads,
    watch: createProgressWatch({ ledger, board: progress, uploads, credentials }),
    metrics: counting.open({
      ledger,
      spool,
      spoolMaxBytes: config.spoolMaxBytes,
      circuits: adapters.circuits,
      windows: gateway.windows,
      jobs: queue,
      cache,
    }),
    tickets,
    knownTokens,
    maxFailures: config.maxFailuresPerMinute,
    spool,
    room,
    page: adapters.page,
    probes: { ...adapters.probes, custody: custody.readiness },
    maxChunkBytes: config.maxChunkBytes,
    maxFileBytes: config.maxFileBytes,
    sessionTtlMs: config.sessionTtlMs,
    now,
    maxConcurrentDownloads: config.maxConcurrentDownloads,
    requireAuth: config.requireAuth,
    corsOrigins: config.corsOrigins,
    trustProxy: config.trustProxy,
    stallMs: config.stallMs,
    pressure: {
      maxRssBytes: config.maxRssBytes,
      maxEventLoopDelayMs: config.maxEventLoopDelayMs,
    },
    admission,
    awaitsOlder: () => custody.awaitsOlder,
    handOver: answer && ((request, signal) => answer(custody, request, signal)),
    // Five eighths are over by then, and the rooms behind need some.
    graceMs: config.shutdownGraceMs / 4,
    log,
  })

  return {
    server,
    resume: () => {
      custody.start()
      sweeper.start(SWEEP_EVERY_MS)
    },
    close: async ({ hurry } = { hurry: false }) => {
      await custody.close({ hurry })
      await Promise.all([server.close(), sweeper.stop()])
    },
  }
}
