import type { FastifyInstance } from 'fastify'
import type { Adapters } from './adapters.ts'
import type { Config } from './config/config.ts'
import type { Dispatcher } from './core/cluster/dispatcher.ts'
import { createTelegramLease, type TelegramLease } from './core/handover/lease-driver.ts'
import { createRelease } from './core/handover/release.ts'
import { shutdownBudget } from './core/handover/shutdown-budget.ts'
import { createSweepTurn } from './core/maintenance/sweep-turn.ts'
import { createSweeper, type Sweeper } from './core/maintenance/sweeper.ts'
import type { Probe } from './core/ports/health.ts'
import { createSelfPing, type SelfPing } from './core/runtime/self-ping.ts'
import { createHttpServer, type HttpLimits } from './http/server.ts'
import { sleep } from './lib/waiting/sleep.ts'
import { createServices, type Services } from './services.ts'

export interface App {
  readonly server: FastifyInstance
  /**
   * Begins to sweep, and to acquire Telegram. Once Telegram is this instance's, it goes on with what
   * an earlier process left unfinished.
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
  /** Milliseconds after which an instance that has released Telegram asks for it back. */
  returnAfterMs?: number
}

const SWEEP_EVERY_MS = 60_000
/** A load balancer that asks `/readyz` every 400 ms has noticed by then that a node stops. */
const NOTICED_WITHIN_MS = 1_000

/** Puts the worker together: this is the one place that knows what each part needs. */
export async function buildApp(
  config: Config,
  adapters: Adapters,
  { returnAfterMs }: AppOptions = {},
): Promise<App> {
  const services = createServices(config, adapters)
  const lease = createLease(config, adapters, services, returnAfterMs)
  let isLeaving = false
  const readiness: Probe = () =>
    isLeaving ? { ready: false, reason: 'stops', retryAfter: 5 } : lease.readiness()
  const server = await createServer(config, adapters, services, { lease, readiness })
  const sweeper = createUploadSweeper(config, adapters, services)
  const selfPing = createPing(config, adapters)

  /** Until the balancer has noticed, it sends requests here: they are answered as ever. */
  async function leaveCluster(dispatcher: Dispatcher): Promise<void> {
    isLeaving = true
    await Promise.all([dispatcher.close(), sleep(NOTICED_WITHIN_MS)])
  }

  return {
    server,
    resume: () => {
      lease.start()
      sweeper.start(SWEEP_EVERY_MS)
      selfPing?.start()
    },
    close: async ({ hurry } = { hurry: false }) => {
      selfPing?.stop()
      if (services.dispatcher !== null && !hurry) await leaveCluster(services.dispatcher)
      await lease.close({ hurry })
      await Promise.all([server.close(), sweeper.stop()])
    },
  }
}

function createServer(
  config: Config,
  adapters: Adapters,
  services: Services,
  { lease, readiness }: { lease: TelegramLease; readiness: Probe },
): Promise<FastifyInstance> {
  const { answer } = adapters.deployment
  return createHttpServer({
    services,
    spool: adapters.spool,
    page: adapters.page,
    probes: {
      ...adapters.probes,
      // Ready also when all is promised: what is open goes on, and that is most of what it does.
      capacity: async () => ({ ready: true, ...(await services.capacity.promised()) }),
      // The name of the lease in `/readyz`, which operators watch.
      custody: readiness,
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
      peers: adapters.cluster?.peers.door ?? null,
      handOver: answer && ((request, signal) => answer(lease, request, signal)),
      graceMs: shutdownBudget(config.shutdownGraceMs).requestsMs,
    },
    now: adapters.now,
    log: adapters.log,
  })
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
  { deployment, gate, cluster, log }: Adapters,
  services: Services,
  returnAfterMs: number | undefined,
): TelegramLease {
  const { workGate, transfers, downloads, queue, follower } = services
  const { streams, changingJobs, cleaner, dispatcher } = services
  const graceMs = config.shutdownGraceMs
  const budget = shutdownBudget(graceMs)
  const releasing = { workGate, transfers, downloads, queue, follower, gate, budget, log }
  const release =
    cluster && dispatcher
      ? cluster.node.release({ ...releasing, dispatcher })
      : createRelease(releasing)

  async function resumeWork(): Promise<void> {
    try {
      await transfers.resume()
      await changingJobs.resume()
      await cleaner.resume()
      await streams.resume()
    } catch (err) {
      log.error({ err }, 'unfinished uploads cannot be looked for: they go on with the next start')
    }
  }

  return createTelegramLease({
    instance: deployment.instance,
    address: deployment.address,
    gate,
    workGate,
    release,
    onHeld: () => {
      queue.reopen()
      follower.reopen()
      if (dispatcher) dispatcher.start([changingJobs.resume, cleaner.resume])
      else void resumeWork()
    },
    graceMs,
    // In a cluster each account has a lease of its own.
    startupDelayMs: cluster ? 0 : config.startupTelegramDelayMs,
    returnAfterMs,
    log,
  })
}

function createUploadSweeper(
  { sessionTtlMs }: Config,
  { ledger, spool, folders, cluster, now, keepTime, log }: Adapters,
  { uploads, streams, transfers, queue, held, locks }: Services,
): Sweeper {
  const resumeStreams = streams.resumeLeft
  return createSweeper({
    ledger,
    spool,
    folders,
    cluster: cluster && { ...cluster, resumeStreams, isMyTurn: createSweepTurn(cluster.leases) },
    sessionTtlMs,
    now,
    keepTime,
    // A sender that waits for Telegram, or for its turn, is not the one that makes no progress.
    isActive: (id) =>
      transfers.isActive(id) || held.isHeld(id) || (queue.stages().get(id) ?? 'idle') !== 'idle',
    expire: uploads.expire,
    exclusively: locks.run,
    log,
  })
}

/** Null where there is no public address to call, or the configuration does not want it. */
function createPing({ keepAwake }: Config, { deployment, ledger, log }: Adapters): SelfPing | null {
  const { ping } = deployment
  if (ping === null || !keepAwake) return null
  const isBusy = async (): Promise<boolean> =>
    (await ledger.countInState('sealed')) > 0 || (await ledger.unfinishedLibraryJobs()).length > 0
  return createSelfPing({ isBusy, ping, log })
}
