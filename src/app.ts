import type { FastifyInstance } from 'fastify'
import type { Adapters } from './adapters.ts'
import type { Config } from './config/config.ts'
import { createTelegramLease, type TelegramLease } from './core/handover/lease-driver.ts'
import { createRelease } from './core/handover/release.ts'
import { shutdownBudget } from './core/handover/shutdown-budget.ts'
import { createKeepAwake, type KeepAwake } from './core/runtime/self-ping.ts'
import { createWakeCall } from './deployment/wake-call.ts'
import { createHttpServer, type HttpLimits } from './http/server.ts'
import { createServices, type Services } from './services.ts'

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

/** Puts the worker together: the one place that knows who needs whom. */
export async function buildApp(
  config: Config,
  adapters: Adapters,
  { returnAfterMs }: AppOptions = {},
): Promise<App> {
  const services = createServices(config, adapters)
  const { uploads, transfers, locks } = services
  const sweeper = adapters.createSweeper({
    isActive: transfers.isActive,
    onExpired: uploads.expire,
    exclusively: locks.run,
  })
  const lease = createLease(config, adapters, services, returnAfterMs)
  const { answer } = adapters.deployment
  const server = await createHttpServer({
    services,
    spool: adapters.spool,
    page: adapters.page,
    probes: {
      ...adapters.probes,
      // Ready also when all is promised: what is open goes on, and that is most of what it does.
      capacity: async () => ({ ready: true, ...(await services.capacity.promised()) }),
      // The name of the lease in `/readyz`, which operators watch.
      custody: lease.readiness,
    },
    limits: limitsOf(config),
    callers: {
      requireAuth: config.requireAuth,
      corsOrigins: config.corsOrigins,
      trustProxy: config.trustProxy,
      publicUrl: config.publicUrl,
      isPublicUrlDefault: config.isPublicUrlDefault,
    },
    instance: {
      workGate: services.workGate,
      awaitsOlder: () => lease.awaitsOlder,
      handOver: answer && ((request, signal) => answer(lease, request, signal)),
      graceMs: shutdownBudget(config.shutdownGraceMs).requestsMs,
    },
    now: adapters.now,
    log: adapters.log,
  })
  const awake = keepAwake(config, adapters)

  return {
    server,
    resume: () => {
      lease.start()
      sweeper.start(SWEEP_EVERY_MS)
      awake?.start()
    },
    close: async ({ hurry } = { hurry: false }) => {
      awake?.stop()
      await lease.close({ hurry })
      await Promise.all([server.close(), sweeper.stop()])
    },
  }
}

function limitsOf(config: Config): HttpLimits {
  return {
    maxChunkBytes: config.maxChunkBytes,
    maxFileBytes: config.maxFileBytes,
    sessionTtlMs: config.sessionTtlMs,
    maxConcurrentDownloads: config.maxConcurrentDownloads,
    maxFailures: config.maxFailuresPerMinute,
    stallMs: config.stallMs,
    pressure: {
      maxRssBytes: config.maxRssBytes,
      maxEventLoopDelayMs: config.maxEventLoopDelayMs,
    },
  }
}

function createLease(
  config: Config,
  { deployment, gate, log }: Adapters,
  { workGate, transfers, downloads, queue, streams }: Services,
  returnAfterMs: number | undefined,
): TelegramLease {
  const graceMs = config.shutdownGraceMs
  const budget = shutdownBudget(graceMs)

  async function resumeWork(): Promise<void> {
    try {
      await transfers.resume()
      await streams.resume()
    } catch (err) {
      log.error({ err }, 'unfinished uploads cannot be looked for: they go on with the next start')
    }
  }

  return createTelegramLease({
    ...deployment,
    gate,
    workGate,
    release: createRelease({ workGate, transfers, downloads, queue, gate, budget, log }),
    onHeld: () => {
      queue.reopen()
      void resumeWork()
    },
    graceMs,
    startupDelayMs: config.startupTelegramDelayMs,
    returnAfterMs,
    log,
  })
}

/** Null where nobody puts the worker to sleep, or nobody wants it kept awake. */
function keepAwake(
  { publicUrl, keepAwake: wanted }: Config,
  { ledger, log }: Adapters,
): KeepAwake | null {
  if (publicUrl === null || !wanted) return null
  const busy = async (): Promise<boolean> => (await ledger.countInState('sealed')) > 0
  return createKeepAwake({ busy, call: createWakeCall(publicUrl), log })
}
