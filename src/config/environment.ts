import { isIP } from 'node:net'
import { z } from 'zod'
import { MiB } from '../lib/units.ts'

const UNITS: Record<string, number> = { '': 1, KB: 1024, MB: MiB, GB: 1024 * MiB }

/** Bytes, or a number with KB, MB or GB (1024 each); at least `min`. */
const bytesIn = (min: number) => (text: string, context: z.RefinementCtx) => {
  const [, digits, unit = ''] = /^(\d+)\s*(KB|MB|GB)?$/i.exec(text.trim()) ?? []
  const size = Number(digits) * (UNITS[unit.toUpperCase()] ?? Number.NaN)
  if (Number.isSafeInteger(size) && size >= min) return size
  context.addIssue({ code: 'custom', message: 'expected bytes, or a number with KB, MB or GB' })
  return z.NEVER
}

const bytes = (fallback: string, min = 1) => z.string().default(fallback).transform(bytesIn(min))

/** Names of address ranges that stand for many. */
const PROXY_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal'])

const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) => {
  const error =
    max === Number.MAX_SAFE_INTEGER
      ? `expected a whole number, ${min} or more`
      : `expected a whole number from ${min} to ${max}`
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}

const integer = (fallback: number, min: number, max?: number) =>
  wholeNumber(min, max).default(fallback)

/** A timer set for longer than 2^31 - 1 ms fires at once. */
const milliseconds = (fallback: number, min: number) => integer(fallback, min, 2 ** 31 - 1)

const webAddress = z.url({
  protocol: /^https?$/,
  error: 'expected an address with http:// or https://',
})

/** Paths are put behind it, and it is shown to callers. */
const rootAddress = webAddress.refine(
  (text) => {
    const url = URL.parse(text)
    return url === null || `${url.username}${url.password}${url.search}${url.hash}` === ''
  },
  { error: 'expected an address without a user, a query and a fragment' },
)

const flag = (fallback: 'true' | 'false' = 'false') =>
  z
    .enum(['true', 'false'], { error: 'expected true or false' })
    .default(fallback)
    .transform((text) => text === 'true')

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )

/** As a browser names them in `Origin`: scheme, host, port, and nothing behind. Empty is all. */
const origins = list
  .transform((items) => items.map((item) => item.replace(/\/+$/, '').toLowerCase()))
  .transform((items) => (items.includes('*') ? [] : items))
  .refine(
    (items) => items.every((item) => /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+$/.test(item)),
    'expected origins such as https://app.example, separated by commas, or *',
  )

/** Beyond it a date of expiry could not be written. */
const TEN_YEARS_S = 10 * 365 * 86_400

/** Whether Fastify can read it: a wrong address would otherwise stop the start without its name. */
function isTrustedProxies(text: string): boolean {
  if (/^(false|[1-9])$/.test(text)) return true
  return text.split(',').every((item) => {
    const [, address = '', prefix] = /^\s*([^/\s]+)(?:\/(\d{1,3}))?\s*$/.exec(item) ?? []
    if (PROXY_NAMES.has(address)) return prefix === undefined
    const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
    return Number(prefix ?? 0) <= bits
  })
}

/** Every variable the worker reads; README and .env.example are held against this by a test. */
export const Environment = z.object({
  PORT: integer(10_000, 0, 65_535),
  HOST: z.string().min(1).optional(),
  DATA_DIR: z.string().min(1).default('./data'),
  BACKEND_URL: webAddress.optional(),
  TELEGRAM_API_ID: wholeNumber(1).optional(),
  TELEGRAM_API_HASH: z.string().min(1).optional(),
  TELEGRAM_SESSION: z
    .string()
    // 256 bytes of key and an address; what is cut off while it is copied shows here.
    .regex(/^\s*1[\w+/-]{348,}=*\s*$/, "expected a whole string session, Telethon's or gramjs'")
    .optional(),
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d+:\S+$/, "expected a bot's token: digits, a colon, letters")
    .optional(),
  TELEGRAM_CHANNEL_ID: z
    .string()
    .regex(/^-?\d+$/, 'expected a number such as -1001234567890')
    .optional(),
  AUTH_TOKENS: list,
  TELEGRAM_BOT_API_ROOT: webAddress.default('https://api.telegram.org'),
  TELEGRAM_BOT_API_LOCAL: flag(),
  TELEGRAM_SERVER_KEY: z
    .string()
    .includes('PUBLIC KEY', { error: 'expected a public key in PEM' })
    .optional(),
  TELEGRAM_SERVER: z
    .string()
    .regex(/^\d+@[^@\s]+:\d{1,5}$/, 'expected dcId@host:port')
    .refine((text) => Number(/\d+$/.exec(text)) <= 65_535, 'expected a port up to 65535')
    .optional(),
  LEDGER_KEY: z.string().min(16, { error: 'expected 16 characters or more' }).optional(),
  WEBHOOK_SECRET: z.string().min(1).optional(),
  CORS_ORIGINS: origins,
  REQUIRE_AUTH: z
    .enum(['compatible', 'always'], { error: 'expected compatible or always' })
    .default('compatible'),
  TRUST_PROXY: z
    .string()
    .default('false')
    .refine(isTrustedProxies, 'expected false, a number of proxies from 1 to 9, or addresses'),
  MAX_FAILURES_PER_MINUTE: integer(300, 1),
  MAX_FILE_SIZE: bytes('2000MB'),
  MAX_CHUNK_SIZE: bytes('50MB'),
  SPOOL_MAX_BYTES: bytes('4GB'),
  MAX_UPLOADS_PER_USER: integer(1_000, 1),
  MAX_BYTES_PER_USER: z.string().transform(bytesIn(1)).optional(),
  SPOOL_FSYNC: flag(),
  SESSION_TTL: integer(86_400, 60, TEN_YEARS_S),
  MAX_CONCURRENT_UPLOADS: integer(4, 1, 64),
  MAX_CONCURRENT_DOWNLOADS: integer(64, 1, 10_000),
  BLOCK_CACHE_BYTES: bytes('32MB', 0),
  TRANSFER_ATTEMPTS: integer(8, 1, 100),
  TRANSFER_MAX_SECONDS: integer(21_600, 1),
  STALL_SECONDS: integer(60, 1),
  MAX_RSS_BYTES: bytes('0', 0),
  MAX_EVENT_LOOP_DELAY_MS: milliseconds(5_000, 1),
  SHUTDOWN_GRACE_MS: milliseconds(20_000, 0),
  STARTUP_TELEGRAM_DELAY_MS: milliseconds(0, 0),
  PUBLIC_URL: rootAddress.optional(),
  RENDER_EXTERNAL_URL: rootAddress.optional(),
  KEEP_AWAKE: flag('true'),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `expected one of ${LOG_LEVELS.join(', ')}` })
    .default('info'),
  NODE_ENV: z.string().optional(),
})

export type Env = z.infer<typeof Environment>
