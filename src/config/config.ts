import { resolve } from 'node:path'
import type { Credentials } from '../core/ports/credentials.ts'
import type { Literal } from '../lib/scrub.ts'
import { type Env, Environment } from './environment.ts'

/** Where credentials come from, and with them which Telegram is spoken to. */
export type Mode =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'backend'; readonly url: string }
  | {
      readonly kind: 'standalone'
      readonly tokens: readonly string[]
      readonly credentials: Readonly<Omit<Credentials, 'userId'>>
    }

/** What the nodes of a cluster share. */
export interface ClusterConfig {
  readonly databaseUrl: string
  readonly databaseConnections: number
  readonly s3: {
    readonly endpoint: string
    readonly bucket: string
    readonly region: string
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly pathStyle: boolean
  }
  readonly cacheBytes: number
  /** Where other nodes ask this one; null: to be found out. */
  readonly nodeUrl: string | null
  /** Who reads files of an account that another node has. */
  readonly reads: Env['CLUSTER_READS']
}

export interface Config {
  readonly port: number
  readonly host: string
  readonly dataDir: string
  readonly mode: Mode
  readonly botApi: { readonly root: string; readonly local: boolean }
  /** An MTProto server that is not Telegram's own, or null. */
  readonly serverKeyPem: string | null
  readonly server: { readonly dcId: number; readonly host: string; readonly port: number } | null
  /** Whether the native module encrypts, where it is compiled. */
  readonly native: boolean
  readonly ledgerKey: string | null
  readonly webhookSecret: string | null
  readonly corsOrigins: readonly string[]
  /** Whether calls without a token are refused, too. */
  readonly requireAuth: boolean
  /** The proxies whose `X-Forwarded-For` counts: none, so many of them, or those at these addresses. */
  readonly trustProxy: false | number | string
  readonly maxFailuresPerMinute: number
  readonly maxFileBytes: number
  /** The largest volume of a file that goes as several. */
  readonly volumeBytes: number
  readonly maxChunkBytes: number
  readonly spoolMaxBytes: number
  readonly maxUploadsPerUser: number
  readonly maxBytesPerUser: number
  readonly spoolFsync: boolean
  readonly sessionTtlMs: number
  readonly maxConcurrentUploads: number
  readonly maxConcurrentDownloads: number
  readonly blockCacheBytes: number
  readonly transferAttempts: number
  readonly transferMaxMs: number
  /** Whether the captions of posts tell the names and folders of files. */
  readonly namesInCaptions: boolean
  /** What of each file is read back from Telegram. */
  readonly verify: Env['VERIFY']
  /** A sender that stands still for so long is cut. */
  readonly stallMs: number
  /** Beyond this much memory new work is refused; 0: nine tenths of what the container has. */
  readonly maxRssBytes: number
  readonly maxEventLoopDelayMs: number
  readonly shutdownGraceMs: number
  readonly startupTelegramDelayMs: number
  /** Where this deployment is reached from outside, without a slash at its end; null: not known. */
  readonly publicUrl: string | null
  /** Only the host has said it: a trusted proxy in front of that knows better. */
  readonly isPublicUrlDefault: boolean
  readonly keepAwake: boolean
  readonly logLevel: Env['LOG_LEVEL']
  /** Null: this worker is alone, with its own ledger and spool. */
  readonly cluster: ClusterConfig | null
}

/** The environment is not one the worker can run with; the message lists every bad variable. */
export class ConfigError extends Error {
  constructor(problems: string) {
    super(`The configuration cannot be used:\n${problems}`)
    this.name = 'ConfigError'
  }
}

const NOTHING_IN_PRODUCTION =
  '✖ In production set BACKEND_URL, or for a worker of its own TELEGRAM_CHANNEL_ID, AUTH_TOKENS and\n' +
  '  TELEGRAM_BOT_TOKEN or TELEGRAM_SESSION (with TELEGRAM_API_ID and TELEGRAM_API_HASH)'

/**
 * Reads the environment once. Throws ConfigError with every variable that is wrong or missing;
 * no value is ever repeated in it.
 */
export function loadConfig(environment: Record<string, string | undefined>): Config {
  const given = givenIn(environment)
  const parsed = Environment.safeParse(given)
  const wrong = parsed.success ? [] : parsed.error.issues.map(sayWrong)
  const problems = [...wrong, ...missingFrom(given), ...uselessIn(given)]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems.join('\n'))
  const env = parsed.data
  const mode = modeOf(env)
  return deepFreeze({
    port: env.PORT,
    host: env.HOST ?? (mode.kind === 'embedded' ? '127.0.0.1' : '0.0.0.0'),
    dataDir: env.DATA_DIR,
    mode,
    botApi: {
      root: env.TELEGRAM_BOT_API_ROOT.replace(/\/+$/, ''),
      local: env.TELEGRAM_BOT_API_LOCAL,
    },
    native: env.TELESTORE_NATIVE === 'on',
    // Dashboards keep a PEM on one line, with \n for its line ends.
    serverKeyPem: env.TELEGRAM_SERVER_KEY?.replaceAll('\\n', '\n') ?? null,
    server: serverOf(env.TELEGRAM_SERVER),
    ledgerKey: env.LEDGER_KEY ?? null,
    webhookSecret: env.WEBHOOK_SECRET ?? null,
    corsOrigins: env.CORS_ORIGINS,
    requireAuth: env.REQUIRE_AUTH === 'always',
    trustProxy: trustProxyOf(env.TRUST_PROXY),
    maxFailuresPerMinute: env.MAX_FAILURES_PER_MINUTE,
    maxFileBytes: env.MAX_FILE_SIZE,
    volumeBytes: env.VOLUME_BYTES,
    maxChunkBytes: env.MAX_CHUNK_SIZE,
    spoolMaxBytes: env.SPOOL_MAX_BYTES,
    maxUploadsPerUser: env.MAX_UPLOADS_PER_USER,
    maxBytesPerUser: env.MAX_BYTES_PER_USER ?? shareOf(env, mode),
    spoolFsync: env.SPOOL_FSYNC,
    sessionTtlMs: env.SESSION_TTL * 1000,
    maxConcurrentUploads: env.MAX_CONCURRENT_UPLOADS,
    maxConcurrentDownloads: env.MAX_CONCURRENT_DOWNLOADS,
    blockCacheBytes: env.BLOCK_CACHE_BYTES,
    transferAttempts: env.TRANSFER_ATTEMPTS,
    transferMaxMs: env.TRANSFER_MAX_SECONDS * 1000,
    namesInCaptions: env.CAPTIONS === 'on',
    verify: env.VERIFY,
    stallMs: env.STALL_SECONDS * 1000,
    maxRssBytes: env.MAX_RSS_BYTES,
    maxEventLoopDelayMs: env.MAX_EVENT_LOOP_DELAY_MS,
    shutdownGraceMs: env.SHUTDOWN_GRACE_MS,
    startupTelegramDelayMs: env.STARTUP_TELEGRAM_DELAY_MS,
    publicUrl: publicUrlOf(env),
    isPublicUrlDefault: env.PUBLIC_URL === undefined,
    keepAwake: env.KEEP_AWAKE,
    logLevel: env.LOG_LEVEL,
    cluster: clusterOf(env),
  })
}

/** Everything in the configuration that no log may name: secrets, and where the data lies. */
export function secretsOf({ mode, ledgerKey, webhookSecret, dataDir, cluster }: Config): Literal[] {
  const standalone = mode.kind === 'standalone' ? mode : null
  const secrets = [
    ledgerKey,
    webhookSecret,
    ...(standalone?.tokens ?? []),
    standalone?.credentials.botToken,
    standalone?.credentials.session,
    standalone?.credentials.apiHash,
    cluster?.databaseUrl,
    cluster && passwordIn(cluster.databaseUrl),
    cluster?.s3.secretAccessKey,
  ]
  return [
    ...secrets.filter((text) => typeof text === 'string').map((text) => ({ text })),
    { text: resolve(dataDir), as: '<DATA_DIR>' },
  ]
}

function deepFreeze<T extends object>(value: T): T {
  for (const each of Object.values(value)) {
    if (typeof each === 'object' && each !== null) deepFreeze(each)
  }
  return Object.freeze(value)
}

/** An empty variable is an unset one: .env files and dashboards leave such lines behind. */
function givenIn(environment: Record<string, string | undefined>): Record<string, string> {
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value !== '') given[name] = value
  }
  return given
}

function sayWrong({ path, message }: { path: PropertyKey[]; message: string }): string {
  return `✖ ${path.join('.')}: ${message}`
}

const CLUSTER_NEEDS = [
  'LEDGER_KEY',
  'CLUSTER_S3_ENDPOINT',
  'CLUSTER_S3_BUCKET',
  'CLUSTER_S3_ACCESS_KEY_ID',
  'CLUSTER_S3_SECRET_ACCESS_KEY',
]

/** A line for each variable that is missing in the mode that the given ones choose. */
function missingFrom(given: Record<string, string>): string[] {
  const wanted = given.CLUSTER_DATABASE_URL === undefined ? [] : CLUSTER_NEEDS
  const missing = wanted.filter((name) => given[name] === undefined)
  return [...missing.map((name) => `✖ ${name} is missing`), ...missingInMode(given)]
}

/** A line for each variable of a node that belongs to no cluster. */
function uselessIn(given: Record<string, string>): string[] {
  if (given.CLUSTER_DATABASE_URL !== undefined) return []
  return ['CLUSTER_NODE_URL', 'CLUSTER_READS']
    .filter((name) => given[name] !== undefined)
    .map((name) => `✖ ${name}: only with CLUSTER_DATABASE_URL`)
}

function missingInMode(given: Record<string, string>): string[] {
  if (given.BACKEND_URL !== undefined) return []
  if (given.TELEGRAM_BOT_TOKEN === undefined && given.TELEGRAM_SESSION === undefined) {
    return given.NODE_ENV === 'production' ? [NOTHING_IN_PRODUCTION] : []
  }
  const wanted = ['TELEGRAM_CHANNEL_ID', 'AUTH_TOKENS']
  if (given.TELEGRAM_SESSION !== undefined) wanted.push('TELEGRAM_API_ID', 'TELEGRAM_API_HASH')
  // Commas alone are no token.
  return wanted
    .filter((name) => !/[^\s,]/.test(given[name] ?? ''))
    .map((name) => `✖ ${name} is missing`)
}

function modeOf(env: Env): Mode {
  if (env.BACKEND_URL !== undefined) {
    return { kind: 'backend', url: env.BACKEND_URL.replace(/\/+$/, '') }
  }
  if (env.TELEGRAM_BOT_TOKEN === undefined && env.TELEGRAM_SESSION === undefined) {
    return { kind: 'embedded' }
  }
  return {
    kind: 'standalone',
    tokens: env.AUTH_TOKENS,
    credentials: {
      botToken: env.TELEGRAM_BOT_TOKEN ?? null,
      channelId: env.TELEGRAM_CHANNEL_ID ?? '',
      session: env.TELEGRAM_SESSION ?? null,
      apiId: env.TELEGRAM_API_ID ?? null,
      apiHash: env.TELEGRAM_API_HASH ?? null,
    },
  }
}

/**
 * What one user may reserve where the variable is not set: half, so that one user does not keep all
 * others out. Where there is only one token, there is only one user.
 */
function shareOf({ SPOOL_MAX_BYTES }: Env, mode: Mode): number {
  if (mode.kind === 'standalone' && new Set(mode.tokens).size === 1) return SPOOL_MAX_BYTES
  return Math.floor(SPOOL_MAX_BYTES / 2)
}

function clusterOf(env: Env): ClusterConfig | null {
  const { CLUSTER_DATABASE_URL: databaseUrl } = env
  if (databaseUrl === undefined) return null
  return {
    databaseUrl,
    databaseConnections: env.CLUSTER_DATABASE_CONNECTIONS,
    s3: {
      endpoint: env.CLUSTER_S3_ENDPOINT ?? '',
      bucket: env.CLUSTER_S3_BUCKET ?? '',
      region: env.CLUSTER_S3_REGION,
      accessKeyId: env.CLUSTER_S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: env.CLUSTER_S3_SECRET_ACCESS_KEY ?? '',
      pathStyle: env.CLUSTER_S3_PATH_STYLE,
    },
    cacheBytes: env.CLUSTER_CACHE_BYTES,
    nodeUrl: env.CLUSTER_NODE_URL ?? null,
    reads: env.CLUSTER_READS,
  }
}

function passwordIn(address: string): string | null {
  const { password } = new URL(address)
  return password === '' ? null : decodeURIComponent(password)
}

function publicUrlOf({ PUBLIC_URL, RENDER_EXTERNAL_URL }: Env): string | null {
  const text = PUBLIC_URL ?? RENDER_EXTERNAL_URL
  return text === undefined ? null : new URL(text).href.replace(/\/+$/, '')
}

function trustProxyOf(text: string): Config['trustProxy'] {
  if (text === 'false') return false
  return /^\d$/.test(text) ? Number(text) : text
}

function serverOf(text: string | undefined): Config['server'] {
  const [, dcId, host, port] = /^(\d+)@(.+):(\d+)$/.exec(text ?? '') ?? []
  if (dcId === undefined || host === undefined || port === undefined) return null
  return { dcId: Number(dcId), host, port: Number(port) }
}
