import type { FastifyInstance } from 'fastify'
import type { DestinationStream, Logger } from 'pino'
import { openAdapters } from './adapters.ts'
import { buildApp } from './app.ts'
import { type Config, secretsOf } from './config/config.ts'
import type { CredentialsProvider } from './core/ports/credentials.ts'
import { startEmbeddedTelegram } from './embedded-telegram.ts'
import { LISTEN_BACKLOG } from './http/guards/limits.ts'
import { createLogger } from './logger.ts'

/** What `import … from 'telestore-worker'` has: a worker inside another program. */

export type { Adapters } from './adapters.ts'
export {
  type AdapterOptions,
  type EmbeddedTelegram,
  type OpenedAdapters,
  openAdapters,
} from './adapters.ts'
export { type App, type AppOptions, buildApp } from './app.ts'
export { type Config, ConfigError, loadConfig, type Mode } from './config/config.ts'
export type { Credentials, CredentialsProvider, DownloadGrant } from './core/ports/credentials.ts'
export { AppError, type ErrorCode, StartUpError } from './errors.ts'

export interface WorkerOptions {
  /** Of `loadConfig`. */
  readonly config: Config
  /** `createWorkerLog(config)` by default: JSON lines on stdout, as LOG_LEVEL says. */
  readonly log?: Logger
  /** In place of what the configuration says: whose token it is, and what it opens. */
  readonly credentials?: CredentialsProvider
  /** Aborts the start while it waits for another process that uses the same folder. */
  readonly signal?: AbortSignal
}

/** A worker that is open: it holds its folder, and listens once it is told to. */
export interface Worker {
  /** Its HTTP server, for `inject`, or for hooks and routes of one's own before it listens. */
  readonly server: FastifyInstance
  /**
   * Listens on `at`, or else on the configuration's HOST and PORT; port 0 is any free one. Then it
   * goes on with what an earlier run left unfinished. Resolves with the address.
   */
  readonly listen: (at?: { port?: number; host?: string }) => Promise<string>
  /**
   * Stops as SIGTERM stops the process: what is nearly done ends within SHUTDOWN_GRACE_MS, the rest
   * goes on with the next run. `hurry`: nothing gets any time. Called again: the same promise.
   */
  readonly close: (options?: { hurry: boolean }) => Promise<void>
}

/**
 * Opens a worker. It handles no signal of the process, and reads nothing of its environment. Rejects
 * where its folder or ledger cannot be used, and leaves nothing open then.
 */
export async function openWorker(options: WorkerOptions): Promise<Worker> {
  const { config, log = createWorkerLog(config), signal = new AbortController().signal } = options
  const open: ((hurry: boolean) => Promise<void>)[] = []
  async function closeAll(hurry: boolean): Promise<void> {
    for (const close of open.splice(0).reverse()) await close(hurry)
  }

  try {
    const embedded = await startEmbeddedTelegram(config, log)
    if (embedded) open.push(embedded.close)
    const opened = await openAdapters({ config, embedded, log, signal })
    open.push(opened.close)
    const { credentials = opened.credentials } = options
    const app = await buildApp(config, { ...opened, credentials })
    open.push((hurry) => app.close({ hurry }))
    let closing: Promise<void> | null = null
    return {
      server: app.server,
      listen: async ({ port = config.port, host = config.host } = {}) => {
        const address = await app.server.listen({ port, host, backlog: LISTEN_BACKLOG })
        app.resume()
        return address
      },
      close: ({ hurry } = { hurry: false }) => {
        closing ??= closeAll(hurry)
        return closing
      },
    }
  } catch (error) {
    await closeAll(true)
    throw error
  }
}

/** A log that holds no token and no secret of the configuration; lines of JSON, to stdout by default. */
export function createWorkerLog(config: Config, destination?: DestinationStream): Logger {
  const hidden = secretsOf(config)
  return createLogger({ level: config.logLevel, hidden, ...(destination && { destination }) })
}
