import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { createBlockCache } from './core/block-cache.ts'
import { createDocumentReader } from './core/document-reader.ts'
import { createDownloadService } from './core/download-service.ts'
import { createJobQueue } from './core/job-queue.ts'
import type { CredentialsProvider } from './core/ports/credentials.ts'
import type { Ledger } from './core/ports/ledger.ts'
import type { Spool } from './core/ports/spool.ts'
import type { TelegramGateway } from './core/ports/telegram.ts'
import { createProgressBoard } from './core/progress.ts'
import type { Probe } from './core/readiness.ts'
import { createRoom } from './core/room.ts'
import { createTicketService } from './core/ticket-service.ts'
import { createTransfers } from './core/transfer.ts'
import { createUploadService } from './core/upload-service.ts'
import { AppError } from './errors.ts'
import { createHttpServer } from './http/server.ts'
import { createKeyedLock } from './lib/keyed-lock.ts'
import { MiB } from './lib/units.ts'

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
  credentials: CredentialsProvider
  /** Delivers webhooks from the ledger; null where there is no backend to tell. */
  outbox: { notify: () => void } | null
  createSweeper: (guards: SweepGuards) => Sweeping
  /** What `/readyz` asks, by the dependency's name. */
  probes: Readonly<Record<string, Probe>>
  /** The page a browser gets. */
  page: string
  log: FastifyBaseLogger
}

export interface App {
  readonly server: FastifyInstance
  /** Goes on with what an earlier process left unfinished, and begins to sweep. */
  resume: () => void
  /** Stops taking work, lets requests end, stops the jobs where they can go on after a restart. */
  close: () => Promise<void>
}

const SWEEP_EVERY_MS = 60_000
/** What one reader, and all of them together, may have ahead of what they have passed on. */
const READER_WINDOW_BYTES = 8 * MiB
const ALL_READERS_BYTES = 64 * MiB

/** Puts the worker together: the one place that knows who needs whom. */
export async function buildApp(config: Config, adapters: Adapters): Promise<App> {
  const { ledger, spool, gateway, outbox, log } = adapters
  const now = Date.now
  const tickets = createTicketService({ ledger, credentials: adapters.credentials, now })
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
  const uploads = createUploadService({
    ledger,
    gateway,
    spool,
    credentials,
    progressReader: tickets.progressReader,
    transfers,
    progress,
    locks,
    maxFileBytes: config.maxFileBytes,
    room,
    now,
    log,
  })
  const reader = createDocumentReader({
    cache: createBlockCache({ gateway, maxBytes: config.blockCacheBytes }),
    maxWindowBytes: READER_WINDOW_BYTES,
    maxTotalBytes: ALL_READERS_BYTES,
  })
  const downloads = createDownloadService({ credentials, gateway, reader })
  const sweeper = adapters.createSweeper({
    isActive: transfers.isActive,
    onExpired: uploads.expire,
    exclusively: locks.run,
  })
  const server = await createHttpServer({
    uploads,
    downloads,
    tickets,
    spool,
    room,
    page: adapters.page,
    probes: adapters.probes,
    maxChunkBytes: config.maxChunkBytes,
    maxConcurrentDownloads: config.maxConcurrentDownloads,
    corsOrigins: config.corsOrigins,
    trustProxy: config.trustProxy,
    pressure: {
      maxRssBytes: config.maxRssBytes,
      maxEventLoopDelayMs: config.maxEventLoopDelayMs,
    },
    // The other half of the grace is for the rooms behind it.
    graceMs: config.shutdownGraceMs / 2,
    log,
  })

  return {
    server,
    resume: () => {
      transfers.resume()
      sweeper.start(SWEEP_EVERY_MS)
    },
    close: async () => {
      const leaving = new AppError('SHUTTING_DOWN', 'The worker is restarting; try again')
      await Promise.all([server.close(), queue.close(leaving), sweeper.stop()])
    },
  }
}
