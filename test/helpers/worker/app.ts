import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type OpenedAdapters, openAdapters } from '../../../src/adapters.ts'
import { type App, buildApp } from '../../../src/app.ts'
import { type Config, loadConfig } from '../../../src/config/config.ts'
import type { ChannelGateway } from '../../../src/core/ports/channel.ts'
import type { CredentialsProvider } from '../../../src/core/ports/credentials.ts'
import type { TelegramGateway } from '../../../src/core/ports/telegram.ts'
import { AppError } from '../../../src/errors.ts'
import { createLogger } from '../../../src/logger.ts'
import type { PeerLimits } from '../../../src/probes.ts'
import { recordDocument } from '../../openapi/recorder.ts'
import { registerWorker } from '../../secrets/register.ts'
import { registerSecret, trace, traceTest } from '../../secrets/trace.ts'
import { traceAnswersOf } from '../../secrets/wire.ts'
import { startLoadBalancer } from '../cluster/haproxy.ts'
import { clusterEnv, nodeEnv, nodesOfCluster } from '../cluster/suites/cluster-env.ts'
import { delayLedger } from '../storage/delayed-ledger.ts'

export interface TestWorker {
  url: string
  config: Config
  app: App
  adapters: OpenedAdapters
  dataDir: string
  /** Stops it as SIGTERM would; done by itself when the test ends. */
  close: () => Promise<void>
}

export interface TestWorkerOptions {
  env?: Record<string, string>
  /** In place of the real Telegram room. */
  gateway?: TelegramGateway
  /** In place of the messages that it sees there. */
  channel?: ChannelGateway
  /** In place of what the environment asks for. */
  credentials?: CredentialsProvider
  /** A folder that outlives this worker; a fresh one otherwise. */
  dataDir?: string
  /** Milliseconds after which an instance that has released Telegram asks for it back. */
  returnAfterMs?: number
  /** How patient it is with backend and Telegram. */
  peers?: PeerLimits
  /** Seed of the delays of its ledger's calls; without one they take no time. */
  ledgerDelays?: number
  /** Sees every line of its log. */
  onLog?: (line: string) => void
}

/** Takes `token-<name>` for a login token of the user `<name>`, `link-token-<name>` for a download token. */
export function createTestCredentials(
  onToken: (kind: string, token: string) => void,
): CredentialsProvider {
  const forUpload = async (token: string) => {
    const [, userId] = /^token-(\w+)$/.exec(token) ?? []
    if (userId === undefined) throw new AppError('TOKEN_REFUSED', 'The token is not valid')
    onToken('login token', token)
    return { userId, botToken: null, channelId: '-1001', session: null, apiId: 1, apiHash: 'x' }
  }
  return {
    forUpload,
    forRunningUpload: forUpload,
    forDownload: async (token) => {
      const [, link] = /^link-(.+)$/.exec(token) ?? []
      if (link !== undefined) onToken('download token', token)
      const kind = link === undefined ? 'login' : 'download'
      return { credentials: await forUpload(link ?? token), kind, messageId: null }
    },
  }
}

/** Tokens of every test user; the worker must keep them to itself. */
export const testCredentials = createTestCredentials(registerSecret)

/** `LEDGER_DELAYS=<seed>` runs any suite on a ledger as it is behind a network. */
const { LEDGER_DELAYS } = process.env
const DELAYS_OF_ALL = LEDGER_DELAYS === undefined ? undefined : Number(LEDGER_DELAYS)

/** Emulator, worker and clients share one thread here: that it is late says nothing. */
const LENIENT = { SHUTDOWN_GRACE_MS: '1000', MAX_EVENT_LOOP_DELAY_MS: '600000' }

/**
 * A real worker on port 0 with real storage in a folder of its own. Where the run has servers for a
 * cluster and asks for more nodes, it is that many nodes behind HAProxy: `app`, `adapters` and `dataDir`
 * are then those of the first one.
 */
export async function startWorker(options: TestWorkerOptions = {}): Promise<TestWorker> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'telestore-')))
  traceTest()
  const shared = await clusterEnv(dataDir)
  const nodes = await Promise.all(
    Array.from({ length: nodesOfCluster() }, async (_, index) => {
      const folder = index === 0 ? dataDir : join(dataDir, `node-${index}`)
      const own = Object.keys(shared).length > 0 ? await nodeEnv() : {}
      return startNode(options, { dataDir: folder, shared: { ...shared, ...own } })
    }),
  )
  const [first] = nodes
  if (first === undefined) throw new Error('a worker has one node or more')
  const ports = nodes.map(({ url }) => Number(new URL(url).port))
  // Nodes of one thread may be late, which is no reason to cut them off.
  const balancer = nodes.length > 1 ? await startLoadBalancer(ports, 'never') : null
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await Promise.all(nodes.map((node) => node.close()))
      await balancer?.stop()
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    })()
    return closing
  }
  onTestFinished(close)
  return { ...first, dataDir, close, url: balancer?.url ?? first.url }
}

async function startNode(
  options: TestWorkerOptions,
  { dataDir, shared }: { dataDir: string; shared: Record<string, string> },
): Promise<TestWorker> {
  const standalone = {
    TELEGRAM_BOT_TOKEN: '1:test',
    TELEGRAM_CHANNEL_ID: '-1001',
    AUTH_TOKENS: 'token-ann',
  }
  const env = { PORT: '0', HOST: '127.0.0.1', DATA_DIR: dataDir }
  const needed = options.env?.BACKEND_URL === undefined ? standalone : {}
  const config = loadConfig({ ...needed, ...env, ...shared, ...LENIENT, ...options.env })
  const write = (line: string): void => {
    trace(line)
    options.onLog?.(line)
  }
  // Without the list of what to hide: what production hides last must not be there at all.
  const log = createLogger({ level: 'trace', destination: { write } })
  const { signal } = new AbortController()
  const { peers = {} } = options
  const opened = await openAdapters({ config, embedded: null, log, signal, peers })
  const { gateway = opened.gateway, credentials = opened.credentials } = options
  const { ledgerDelays = DELAYS_OF_ALL } = options
  const ledger =
    ledgerDelays === undefined ? opened.ledger : delayLedger(opened.ledger, ledgerDelays)
  const { channel = opened.channel } = options
  const adapters = { ...opened, ledger, gateway, channel, credentials }
  const { returnAfterMs } = options
  const app = await buildApp(config, adapters, {
    ...(returnAfterMs !== undefined && { returnAfterMs }),
  })
  registerWorker(config)
  traceAnswersOf(app.server.server)
  const url = await app.server.listen({ port: Number(shared.PORT ?? 0), host: '127.0.0.1' })
  await recordDocument(async () => (await app.server.inject('/docs/json')).json())
  app.resume()
  const close = async (): Promise<void> => {
    await app.close()
    await opened.close()
  }
  return { url, config, app, adapters, dataDir, close }
}
