import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Adapters } from './app.ts'
import { createBackendClient } from './backend/backend-client.ts'
import { createBackendCredentials } from './backend/backend-credentials.ts'
import { createEmbeddedCredentials } from './backend/embedded-credentials.ts'
import { createOutboxSender } from './backend/outbox-sender.ts'
import { createStandaloneCredentials } from './backend/standalone-credentials.ts'
import type { Config } from './config.ts'
import type { CredentialsProvider } from './core/ports/credentials.ts'
import type { Spool } from './core/ports/spool.ts'
import type { DependencyStatus } from './core/readiness.ts'
import { AppError } from './errors.ts'
import { lockDataDir } from './storage/data-dir-lock.ts'
import { loadLedgerKey } from './storage/ledger/key.ts'
import { openLedger } from './storage/ledger/ledger.ts'
import { reconcile } from './storage/reconcile.ts'
import { createSpool } from './storage/spool.ts'
import { createSweeper } from './storage/sweeper.ts'
import { createTelegramGateway } from './telegram/gateway.ts'

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

export interface AdapterOptions {
  config: Config
  /** Null except in embedded mode. */
  embedded: EmbeddedTelegram | null
  log: Logger
  /** Aborts the wait for another process that uses the same folder. */
  signal: AbortSignal
}

/** Opens the rooms around core as the configuration says. */
export async function openAdapters({
  config,
  embedded,
  log,
  signal,
}: AdapterOptions): Promise<OpenedAdapters> {
  const { dataDir, mode } = config
  const unlock = await lockDataDir(dataDir, { signal, log })
  const key = loadLedgerKey({ fromEnv: config.ledgerKey ?? undefined, directory: dataDir })
  const ledger = openLedger({
    path: join(dataDir, 'ledger.sqlite'),
    key,
    log,
    fsync: config.spoolFsync,
  })
  const spool = await createSpool({
    directory: join(dataDir, 'spool'),
    fsync: config.spoolFsync,
    log,
  })
  const repaired = await reconcile(ledger, spool)
  log.info(repaired, 'ledger and spool are in agreement')

  const client =
    mode.kind === 'backend'
      ? createBackendClient({ baseUrl: mode.url, log, webhookSecret: config.webhookSecret })
      : null
  const outbox = client && createOutboxSender({ ledger, deliver: client.deliverWebhook, log })
  const gateway = createTelegramGateway({
    log,
    ledger,
    botApi: embedded ? { root: embedded.botApiRoot, local: false } : config.botApi,
    serverKeyPem: embedded?.serverKeyPem ?? config.serverKeyPem,
    server: embedded?.server ?? config.server,
  })

  return {
    ledger,
    spool,
    gateway,
    outbox,
    credentials: createCredentials(config, client, embedded),
    createSweeper: (guards) =>
      createSweeper({ ledger, spool, sessionTtlMs: config.sessionTtlMs, ...guards, log }),
    probes: { spool: () => probeSpool(spool) },
    page: readFileSync(new URL('./web/page.html', import.meta.url), 'utf8'),
    log,
    close: async () => {
      await gateway.close()
      await outbox?.close()
      await spool.close()
      ledger.close()
      unlock()
    },
  }
}

async function probeSpool(spool: Spool): Promise<DependencyStatus> {
  try {
    await spool.check()
    return { ready: true }
  } catch (error) {
    return { ready: false, reason: error instanceof AppError ? error.message : 'cannot be written' }
  }
}

function createCredentials(
  { mode }: Config,
  client: ReturnType<typeof createBackendClient> | null,
  embedded: EmbeddedTelegram | null,
): CredentialsProvider {
  if (client) return createBackendCredentials({ client })
  if (mode.kind === 'standalone') return createStandaloneCredentials(mode)
  if (embedded) return createEmbeddedCredentials(embedded)
  throw new Error('embedded mode needs the embedded Telegram')
}
