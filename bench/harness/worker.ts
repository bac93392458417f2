import { freePort } from '../../test/helpers/free-port.ts'
import type { Account, EmulatorProcess } from './emulator.ts'
import { type Process, start, tempFolder } from './processes.ts'
import type { Scope } from './scope.ts'

export interface WorkerProcess extends Process {
  url: string
  dataDir: string
  token: string
  /** Seconds from its start to its first answer. */
  firstAnswer: number
}

export interface WorkerOptions {
  env?: Record<string, string>
  /** It has a bot without api_id, and so the Bot API alone. */
  botAlone?: boolean
  /** A shell command that puts the worker under some limit first. */
  enter?: string
}

/** Node's flags in the command line of the Dockerfile. */
export const WORKER_FLAGS = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--initial-old-space-size=64',
  '--max-old-space-size=256',
]
/** The rest of what the Dockerfile sets. */
export const WORKER_ENV = { NODE_ENV: 'production', MALLOC_ARENA_MAX: '2' }
/** Makes a worker do without its native module. */
export const WITHOUT_NATIVE = { TELESTORE_NATIVE: 'off' }
const TOKEN = 'bench'

/** The built worker in standalone mode, on a session of its own; `npm run build` comes first. */
export async function startWorker(
  scope: Scope,
  emulator: EmulatorProcess,
  { env, enter, botAlone = false }: WorkerOptions = {},
): Promise<WorkerProcess> {
  const account = botAlone
    ? botSettings(emulator.account)
    : accountSettings(await emulator.ownSession())
  const settings = { AUTH_TOKENS: TOKEN, ...account, ...env }
  return startServer(scope, emulator, { env: settings, ...(enter !== undefined && { enter }) })
}

/** The same as a worker of a backend, which has answered nothing yet. */
export async function startBackendWorker(
  scope: Scope,
  emulator: EmulatorProcess,
  backendUrl: string,
): Promise<WorkerProcess> {
  return startServer(scope, emulator, {
    env: { BACKEND_URL: backendUrl, WEBHOOK_SECRET: 'a secret of the bench, long enough' },
  })
}

function accountSettings(account: Account): Record<string, string> {
  return {
    TELEGRAM_API_ID: String(account.apiId),
    TELEGRAM_API_HASH: account.apiHash,
    TELEGRAM_SESSION: account.telethonSession,
    TELEGRAM_CHANNEL_ID: account.channelId,
  }
}

function botSettings({ botToken, channelId }: Account): Record<string, string> {
  return { TELEGRAM_BOT_TOKEN: botToken, TELEGRAM_CHANNEL_ID: channelId }
}

async function startServer(
  scope: Scope,
  { mtproto, botApi }: EmulatorProcess,
  { env, enter }: WorkerOptions,
): Promise<WorkerProcess> {
  const port = await freePort()
  const dataDir = await tempFolder(scope)
  const settings = {
    ...WORKER_ENV,
    PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'warn',
    TELEGRAM_BOT_API_ROOT: botApi.root,
    TELEGRAM_SERVER_KEY: mtproto.publicKeyPem,
    TELEGRAM_SERVER: `${mtproto.dcId}@${mtproto.host}:${mtproto.port}`,
    ...env,
  }
  const startedAt = performance.now()
  const { child, pid, usage } = start(scope, {
    command: process.execPath,
    args: [...WORKER_FLAGS, 'dist/server.js'],
    env: settings,
    enter,
  })
  child.stdout?.pipe(process.stderr)
  const url = `http://127.0.0.1:${port}`
  await untilAnswered(`${url}/health`)
  const firstAnswer = (performance.now() - startedAt) / 1000
  return { pid, usage, url, dataDir, token: TOKEN, firstAnswer }
}

/** Resolves with the first good answer of a server that is starting; rejects after 30 s. */
export async function untilAnswered(url: string): Promise<void> {
  const until = performance.now() + 30_000
  while (performance.now() < until) {
    const good = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (good) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`${url} did not answer`)
}
