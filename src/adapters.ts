import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'
import type { Logger } from 'pino'
import { type BackendClient, createBackendClient } from './backend/backend-client.ts'
import { createBackendCredentials } from './backend/backend-credentials.ts'
import {
  createEmbeddedCredentials,
  DEMO_TOKENS_BEGIN_WITH,
} from './backend/embedded-credentials.ts'
import { createOutboxSender } from './backend/outbox-sender.ts'
import { createStandaloneCredentials } from './backend/standalone-credentials.ts'
import type { Cluster } from './cluster-storage.ts'
import type { Config } from './config/config.ts'
import { reconcile } from './core/maintenance/reconcile.ts'
import { KEEP_FINISHED_MS } from './core/maintenance/sweeper.ts'
import { openWorkerClock, type WorkerClock } from './core/maintenance/worker-clock.ts'
import type { ChannelGateway } from './core/ports/channel.ts'
import type { CredentialsProvider } from './core/ports/credentials.ts'
import type { CircuitStatus, Probe } from './core/ports/health.ts'
import type { MaintainedLedger } from './core/ports/ledger.ts'
import type { MaintainedSpool, Spool, UploadFolders } from './core/ports/spool.ts'
import type { TelegramGate, TelegramGateway } from './core/ports/telegram.ts'
import type { Deployment } from './deployment/deployment.ts'
import { openDeployment } from './deployment/deployment.ts'
import type { Page } from './http/routes/page.ts'
import type { AddFigures } from './metrics/metrics.ts'
import { circuitsOf, createClusterProbes, createPeerProbes, type PeerLimits } from './probes.ts'
import { lockDataDir } from './storage/disk/data-dir-lock.ts'
import { createDiskGate } from './storage/disk/disk-gate.ts'
import { makePrivateFolder } from './storage/disk/private-files.ts'
import { createSpoolProbe } from './storage/disk/spool-probe.ts'
import { openLedger } from './storage/ledger/ledger.ts'
import { loadLedgerKey } from './storage/ledger/secrets/key.ts'
import { createRetryingSecrets } from './storage/ledger/secrets/retrying-secrets.ts'
import { createSpool } from './storage/spool/spool.ts'
import { followAccountWaits, loadAccountWaits } from './telegram/account-waits.ts'
import { createGatedGateway } from './telegram/gated-gateway.ts'
import { createTelegramGateway } from './telegram/gateway.ts'
import { createWaitStore } from './telegram/wait-store.ts'

/** What core reaches the world through, opened. `OpenedAdapters` can be closed again. */
export interface Adapters {
  ledger: MaintainedLedger
  spool: Spool
  /** The spool's, where it is this worker's alone. */
  folders: UploadFolders | null
  gateway: TelegramGateway
  /** The messages of channels, by the same connections. */
  channel: ChannelGateway
  /** Before these gateways: says when it may connect. */
  gate: TelegramGate
  /** This instance among the others of its deployment. */
  deployment: Deployment
  /** This node among those of its cluster; null where the worker is alone. */
  cluster: Cluster | null
  credentials: CredentialsProvider
  /** Delivers webhooks from the ledger; null where there is no backend to tell. */
  outbox: { notify: () => void } | null
  /** The worker's time, epoch milliseconds: never goes back, whatever is done to the clock. */
  now: () => number
  /** Keeps what time it is, for the next start. */
  keepTime: () => Promise<void>
  /** What `/readyz` asks, by the dependency's name. */
  probes: Readonly<Record<string, Probe>>
  /** The circuit breakers before backend and Telegram, by name. */
  circuits: () => Record<string, CircuitStatus>
  /** Adds the figures of a cluster to the worker's; null: this worker is alone. */
  clusterFigures: AddFigures | null
  page: Page
  log: FastifyBaseLogger
}

/** The Telegram on loopback that the worker has started beside itself. */
export interface EmbeddedTelegram {
  controlRoot: string
  botApiRoot: string
  serverKeyPem: string
  server: { dcId: number; host: string; port: number }
}

export interface OpenedAdapters extends Adapters {
  /** Closes all of them: Telegram first, because two processes on one session kill it. */
  close: () => Promise<void>
}

const PAGE_NOT_BUILT =
  '<!doctype html><title>TeleStore</title><p>The page is not built: npm run page</p>'

export interface AdapterOptions {
  config: Config
  /** Null except in embedded mode. */
  embedded: EmbeddedTelegram | null
  log: Logger
  /** Aborts the wait for another process that uses the same folder. */
  signal: AbortSignal
  peers?: PeerLimits
}

/** Opens all adapters as the configuration says. Where one cannot be opened, none is left open. */
export async function openAdapters(options: AdapterOptions): Promise<OpenedAdapters> {
  const opened: (() => unknown)[] = []
  try {
    return await openInOrder(options, opened)
  } catch (error) {
    for (const close of opened.reverse()) await close()
    throw error
  }
}

/** Adds to `opened`, for each adapter that holds a resource, what closes it. */
async function openInOrder(
  { config, embedded, log, signal, peers = {} }: AdapterOptions,
  opened: (() => unknown)[],
): Promise<OpenedAdapters> {
  const { dataDir, mode } = config
  makePrivateFolder(dataDir, log)
  const unlock = await lockDataDir(dataDir, { signal, log })
  opened.push(unlock)
  const key = loadLedgerKey({ fromEnv: config.ledgerKey ?? undefined, directory: dataDir, log })
  const storage = await openStorage(config, { key, log, opened })
  const { ledger, spool, folders, clock, cluster, shared } = storage

  const client =
    mode.kind === 'backend'
      ? createBackendClient({
          baseUrl: mode.url,
          log,
          webhookSecret: config.webhookSecret,
          timeoutMs: peers.backendTimeoutMs,
          circuit: peers.circuit,
        })
      : null
  const outbox =
    client &&
    createOutboxSender({
      ledger,
      isShared: cluster !== null,
      deliver: client.deliverWebhook,
      log,
      now: clock.now,
    })
  const secrets = createRetryingSecrets(ledger, log)
  const waitStore = createWaitStore(secrets, { isShared: cluster !== null })
  const waits = await loadAccountWaits({ store: waitStore, now: clock.now })
  const followed = cluster && followAccountWaits({ store: waitStore, waits })
  const local = createGatedGateway(() =>
    createTelegramGateway({
      log,
      secrets,
      waits,
      leases: cluster?.connectionLeases,
      now: clock.now,
      botApi: embedded ? { root: embedded.botApiRoot, local: false } : config.botApi,
      serverKeyPem: embedded?.serverKeyPem ?? config.serverKeyPem,
      server: embedded?.server ?? config.server,
      native: config.native,
      circuit: peers.circuit,
      openMs: peers.openMs,
      retryPolicy: peers.retryPolicy,
    }),
  )
  const telegram = cluster?.forward(local) ?? local
  // A key file's key would be each instance's own.
  // Nodes of a cluster hand nothing over: each account has a lease.
  const isDeployed = config.ledgerKey !== null && cluster === null
  const secret = isDeployed ? ledger.deriveKey('hand-over') : null

  return {
    ledger,
    spool,
    folders,
    gateway: telegram.gateway,
    channel: telegram.channel,
    gate: local.gate,
    deployment: openDeployment({ secret, publicUrl: config.publicUrl }),
    cluster,
    outbox,
    credentials: createCredentials(config, client, embedded),
    now: clock.now,
    keepTime: clock.keep,
    probes: {
      spool: createSpoolProbe({ spool }),
      ...(shared && createClusterProbes(shared.circuits)),
      ...createPeerProbes({
        backend: client,
        telegram: telegram.gateway,
        maxWaitMs: config.transferMaxMs,
      }),
    },
    circuits: () => ({
      ...circuitsOf({ backend: client, telegram: telegram.gateway }),
      ...shared?.circuits(),
    }),
    clusterFigures: shared?.figures ?? null,
    page: {
      ...readPage(),
      tokensBeginWith: embedded ? DEMO_TOKENS_BEGIN_WITH : null,
      hasBackend: client !== null,
    },
    log,
    close: async () => {
      followed?.stop()
      await telegram.gateway.close()
      await outbox?.close()
      // Nobody has these accounts any more: other nodes go on.
      await cluster?.leases.close().catch((err: unknown) => {
        log.warn({ err }, 'leases could not be given back: they end by themselves')
      })
      cluster?.peers.close()
      await spool.close()
      await secrets.close()
      await ledger.close()
      unlock()
    },
  }
}

interface StorageOptions {
  key: Buffer
  log: Logger
  opened: (() => unknown)[]
}

/** Opens ledger and spool: this worker's own, or those of its cluster. */
async function openStorage(config: Config, { key, log, opened }: StorageOptions) {
  const { dataDir, cluster } = config
  const gate = createDiskGate()
  if (cluster !== null) {
    const { openClusterStorage } = await import('./cluster-storage.ts')
    return openClusterStorage({ cluster, listens: config, dataDir, key, gate, log, opened })
  }
  const ledger = openLedger({
    path: join(dataDir, 'ledger.sqlite'),
    key,
    log,
    fsync: config.spoolFsync,
    stalled: gate.stalled,
  })
  opened.push(ledger.close)
  const spool = await createSpool({
    directory: join(dataDir, 'spool'),
    fsync: config.spoolFsync,
    log,
    gate,
  })
  opened.push(spool.close)
  const clock = await openRepaired(config, { ledger, spool, log })
  return { ledger, spool, folders: spool, clock, cluster: null, shared: null }
}

/** Brings ledger and spool into agreement, by the worker's time; resolves with the clock of it. */
async function openRepaired(
  { sessionTtlMs }: Config,
  { ledger, spool, log }: { ledger: MaintainedLedger; spool: MaintainedSpool; log: Logger },
): Promise<WorkerClock> {
  const isNew = (await ledger.lastReading()) === null
  const lifetimes = { receiving: sessionTtlMs, finished: KEEP_FINISHED_MS }
  const clock = await openWorkerClock({ ledger, lifetimes, log })
  const repaired = await reconcile(ledger, spool, clock.now)
  const harmed = repaired.lostChunks + repaired.failedUploads > 0
  log[harmed ? 'warn' : 'info'](repaired, 'ledger and spool are in agreement')
  if (isNew && repaired.orphans > 0) {
    log.warn(
      { uploads: repaired.orphans },
      'the ledger is new, but chunks were here: what it knew of these uploads is lost, and they must be added again',
    )
  }
  return clock
}

/** The built page; where it is not built, a sentence that says how. */
function readPage(): Pick<Page, 'html' | 'shareHtml' | 'assets'> {
  // From `src` and from `dist` alike.
  const folder = new URL('../dist/web/', import.meta.url)
  try {
    const html = readFileSync(new URL('index.html', folder), 'utf8')
    const shareHtml = readFileSync(new URL('s/share.html', folder), 'utf8')
    return { html, shareHtml, assets: fileURLToPath(new URL('assets/', folder)) }
  } catch {
    return { html: PAGE_NOT_BUILT, shareHtml: PAGE_NOT_BUILT, assets: null }
  }
}

function createCredentials(
  { mode }: Config,
  client: BackendClient | null,
  embedded: EmbeddedTelegram | null,
): CredentialsProvider {
  if (client) return createBackendCredentials({ client })
  if (mode.kind === 'standalone') return createStandaloneCredentials(mode)
  if (embedded) return createEmbeddedCredentials(embedded)
  throw new Error('embedded mode needs the embedded Telegram')
}
