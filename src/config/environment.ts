import { z } from 'zod'
import { MiB } from '../lib/units.ts'
import {
  flag,
  list,
  milliseconds,
  origins,
  rootAddress,
  seconds,
  size,
  text,
  trustedProxies,
  webAddress,
  wholeNumber,
} from './variable-types.ts'

/*
 * Every variable that the worker reads, once: `npm run docs` makes docs/configuration.md and
 * .env.example of this file. Of `meta` both show `description`, and `otherwise`, which is the default
 * where the configuration computes one; only the guide shows `details`. All three are Markdown, with
 * links as from docs/.
 */

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const worker = {
  PORT: wholeNumber(0, 65_535).default(10_000).meta({ description: 'Port of the HTTP server.' }),
  HOST: text.optional().meta({
    description: 'Address to listen on.',
    otherwise: '`0.0.0.0`; in embedded mode `127.0.0.1`',
  }),
  DATA_DIR: text.default('./data').meta({
    description:
      'Folder for unfinished uploads and the ledger, and in embedded mode for the files of the ' +
      'built-in Telegram.',
    details: 'Two workers must not share it: the second one waits until the first has ended.',
  }),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `expected one of ${LOG_LEVELS.join(', ')}` })
    .default('info')
    .meta({ description: 'How much the worker logs.' }),
  NODE_ENV: z.string().optional().meta({
    description: '`production`: never start in embedded mode.',
    details: 'A worker without configuration then refuses to start.',
  }),
}

const backendMode = {
  BACKEND_URL: webAddress.optional().meta({
    description: 'Address of the TeleStore backend, which turns tokens into credentials.',
  }),
  WEBHOOK_SECRET: text.optional().meta({
    description: 'Key that signs each webhook to the backend.',
    details:
      'The header `X-TeleStore-Signature` is then `sha256=` and the HMAC-SHA256 of ' +
      '`<X-TeleStore-Timestamp>.<body>`, in hexadecimal.',
  }),
}

const standaloneMode = {
  TELEGRAM_API_ID: wholeNumber(1)
    .optional()
    .meta({
      description: 'From https://my.telegram.org. `TELEGRAM_SESSION` needs it.',
      details:
        'A bot without it sends files of up to 50 MB, and reads files of up to 20 MB back, by their ' +
        '`fileId`. With it a bot handles all sizes.',
    }),
  TELEGRAM_API_HASH: text.optional().meta({ description: 'Comes with `TELEGRAM_API_ID`.' }),
  TELEGRAM_SESSION: z
    .string()
    // 256 bytes of key and an address: a session that was cut off by copying is found here.
    .regex(/^\s*1[\w+/-]{348,}=*\s*$/, "expected a whole string session, Telethon's or gramjs'")
    .optional()
    .meta({ description: 'String session of a user, in the format of Telethon or gramjs.' }),
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d+:\S+$/, "expected a bot's token: digits, a colon, letters")
    .optional()
    .meta({ description: 'Token of a bot that may post in the channel.' }),
  TELEGRAM_CHANNEL_ID: z
    .string()
    .regex(/^-?\d+$/, 'expected a number such as -1001234567890')
    .optional()
    .meta({ description: 'Id of the channel, such as `-1001234567890`.' }),
  AUTH_TOKENS: list.prefault('').meta({
    description: 'Tokens that callers may use. Make each with `openssl rand -hex 32`.',
    details: 'All callers who share a token are one user.',
  }),
}

const otherTelegram = {
  TELEGRAM_BOT_API_ROOT: webAddress.default('https://api.telegram.org').meta({
    description: 'Address of the Bot API.',
    details: 'With another address the limits stay 50 MB up and 20 MB down.',
  }),
  TELEGRAM_BOT_API_LOCAL: flag.prefault('false').meta({
    description:
      '`true`: that Bot API server runs with `--local` and shares its disk with the worker. The ' +
      'limits are then 2000 MB both ways.',
  }),
  TELEGRAM_SERVER_KEY: z
    .string()
    .includes('PUBLIC KEY', { error: 'expected a public key in PEM' })
    .optional()
    .meta({
      description: "Public key (PEM) of an MTProto server that is not Telegram's own.",
      details: 'On one line, write `\\n` for each end of a line.',
    }),
  TELEGRAM_SERVER: z
    .string()
    .regex(/^\d+@[^@\s]+:\d{1,5}$/, 'expected dcId@host:port')
    .refine((server) => Number(/\d+$/.exec(server)) <= 65_535, 'expected a port up to 65535')
    .optional()
    .meta({ description: 'Where that server is: `dcId@host:port`.' }),
}

const secretsAndCallers = {
  LEDGER_KEY: z
    .string()
    .min(16, { error: 'expected 16 characters or more' })
    .optional()
    .meta({
      description: 'Key that encrypts the secrets in the ledger, 16 characters or more.',
      details:
        'Instances of one deployment recognise each other by it: set it where a new instance starts ' +
        'while the old one still runs ([deploys](operating.md#deploys)).',
      otherwise: 'a key file in `DATA_DIR` that only the user of the worker can read',
    }),
  CORS_ORIGINS: origins.prefault('').meta({
    description: 'Origins whose pages may call the worker, such as `https://app.example`.',
    details: '`*` is every origin.',
    otherwise: 'every origin',
  }),
  REQUIRE_AUTH: z
    .enum(['compatible', 'always'], { error: 'expected compatible or always' })
    .default('compatible')
    .meta({
      description:
        '`always`: complete, progress, status and cancel need a token too. The deployed web client ' +
        'sends none with these calls, so it needs `compatible`.',
      details: 'With `compatible` the `uploadId` alone opens these calls.',
    }),
  TRUST_PROXY: trustedProxies.default('false').meta({
    description:
      'Proxies whose `X-Forwarded-` headers the worker believes: their addresses or networks, ' +
      'separated by commas, or their number. `false`: none.',
    details:
      '`X-Forwarded-For` names the caller; `X-Forwarded-Host`, `-Proto` and `-Prefix` name the ' +
      "worker's own address ([proxies](proxy.md)). `loopback`, `uniquelocal` and `linklocal` are " +
      'names of networks. A number counts only where the nearest proxy connects from a private ' +
      'network.',
  }),
  MAX_FAILURES_PER_MINUTE: wholeNumber(1)
    .default(300)
    .meta({
      description:
        'Wrong tokens, ids and messages that one address or one user may try in a minute. Beyond it ' +
        'the worker answers 429.',
      details: 'The same wrong value counts once a minute ([access](access.md#guessing)).',
    }),
}

const publicAddress = {
  PUBLIC_URL: rootAddress.optional().meta({
    description:
      'Address under which callers reach the worker, with the path that a proxy has put before it, ' +
      'such as `https://example.com/files`.',
    details:
      '`Location`, links and `/docs` contain it, and a starting worker asks there for Telegram.',
    otherwise: 'what a proxy of `TRUST_PROXY` says, else `RENDER_EXTERNAL_URL`',
  }),
  RENDER_EXTERNAL_URL: rootAddress
    .optional()
    .meta({ description: 'The same address as Render knows it. Render sets this variable.' }),
  KEEP_AWAKE: flag.prefault('true').meta({
    description:
      '`true`: call the public address while a job runs, so that a free plan does not put the ' +
      'worker to sleep.',
  }),
}

const uploads = {
  MAX_FILE_SIZE: size().prefault('50GB').meta({ description: 'Largest file.' }),
  MAX_CHUNK_SIZE: size()
    .prefault('50MB')
    .meta({ description: 'Largest chunk. A file has at most 16,384 of them.' }),
  VOLUME_BYTES: size(MiB)
    .prefault('512MB')
    .meta({
      description:
        'Largest volume: a file that is too large for one document, or for the disk, goes to Telegram as ' +
        'several.',
      details:
        'An upload needs disk for two and a half of its volumes. They are smaller where ' +
        '`SPOOL_MAX_BYTES` or `MAX_BYTES_PER_USER` holds less than that, or where Telegram takes less ' +
        '([large files](limits.md#large-files)).',
    }),
  SPOOL_MAX_BYTES: size()
    .prefault('4GB')
    .meta({
      description:
        'Disk for unfinished uploads. Each reserves what it may need when it opens: its size, or two and ' +
        'a half volumes.',
      details:
        'The disk itself must have the room as well. An upload that has received no byte keeps its ' +
        'room for ten minutes ([limits](limits.md#what-the-worker-accepts)).',
    }),
  MAX_UPLOADS_PER_USER: wholeNumber(1)
    .default(1000)
    .meta({ description: 'Unfinished uploads of one user.' }),
  MAX_BYTES_PER_USER: size().optional().meta({
    description: 'Disk for unfinished uploads of one user.',
    otherwise:
      'half of `SPOOL_MAX_BYTES`; all of `SPOOL_MAX_BYTES` where `AUTH_TOKENS` has one token',
  }),
  SPOOL_FSYNC: flag.prefault('false').meta({
    description:
      '`true`: an acknowledged chunk survives a power failure, and not only the end of the process.',
  }),
  SESSION_TTL: seconds(60, 10 * 365 * 86_400)
    .default(86_400)
    .meta({
      description: 'Time without progress after which an unfinished upload is removed.',
      details:
        'An upload that has received no byte is removed after ten minutes. Every unfinished upload ' +
        'ends seven times this long after it was opened, or after seven days where that is more.',
    }),
}

const traffic = {
  MAX_CONCURRENT_UPLOADS: wholeNumber(1, 64).default(4).meta({
    description:
      'Files, or volumes of large files, that are sent to Telegram at the same time. Users take turns.',
  }),
  MAX_CONCURRENT_DOWNLOADS: wholeNumber(1, 10_000)
    .default(64)
    .meta({ description: 'Downloads at the same time.' }),
  BLOCK_CACHE_BYTES: size(0).prefault('16MB').meta({
    description: 'Memory for blocks of files that several downloads share. `0`: no cache.',
  }),
  TRANSFER_ATTEMPTS: wholeNumber(1, 100)
    .default(8)
    .meta({
      description:
        'How often the worker tries a transfer to Telegram that fails for a passing reason; of a large ' +
        'file each volume.',
    }),
  TRANSFER_MAX_SECONDS: seconds(1)
    .default(21_600)
    .meta({
      description:
        'Time after `/complete-upload` within which the file must be in Telegram; of a large file each ' +
        'volume, from the moment that it is whole.',
    }),
  CAPTIONS: z
    .enum(['on', 'off'], { error: 'expected on or off' })
    .default('on')
    .meta({
      description: '`off`: do not write the names and folders of files into the captions of posts.',
      details:
        'Each post describes itself by a [line in its caption](format.md), so that the channel can ' +
        'be read without the worker. The rest of the line is always written.',
    }),
  VERIFY: z
    .enum(['off', 'sample', 'full'], { error: 'expected off, sample or full' })
    .default('sample')
    .meta({
      description:
        'What of each file the worker reads back from Telegram before the upload is completed: nothing, ' +
        'the first, the last and four other megabytes, or everything.',
      details:
        'A file of which Telegram has other bytes is sent once more; the second time its upload fails. ' +
        '`sample` leaves out files of up to 10 MB. `full` doubles the bytes between the worker and ' +
        'Telegram. A bot without `TELEGRAM_API_ID` reads files of up to 20 MB back.',
    }),
  TELESTORE_NATIVE: z
    .enum(['on', 'off'], { error: 'expected on or off' })
    .default('on')
    .meta({
      description: "`off`: never encrypt or hash by the processor's own AES and SHA instructions.",
      details:
        'They take a compiled module (`npm run native`, a part of `npm start` and of the image). ' +
        'Without it the worker uses WebAssembly: the same bytes, at two to five times the CPU.',
    }),
  STALL_SECONDS: seconds(1).default(60).meta({
    description: 'Time without a byte after which the worker closes the connection of a sender.',
  }),
}

const overloadAndShutdown = {
  MAX_RSS_BYTES: size(0)
    .prefault('0')
    .meta({
      description:
        'Memory of the process beyond which new work is refused with 503. `0`: nine tenths of what ' +
        'the container may use.',
    }),
  MAX_EVENT_LOOP_DELAY_MS: milliseconds(1).default(5000).meta({
    description: 'Delay of the event loop beyond which new work is refused with 503.',
  }),
  SHUTDOWN_GRACE_MS: milliseconds(0).default(20_000).meta({
    description: 'Time within which a worker that was told to stop has ended.',
    details: 'Half of it is for uploads and downloads that are nearly done.',
  }),
  STARTUP_TELEGRAM_DELAY_MS: milliseconds(0)
    .default(0)
    .meta({
      description:
        'Time for which a starting worker does not connect to Telegram when it could not ask an older ' +
        'instance to disconnect.',
      details:
        'That is the case without `LEDGER_KEY` or a public address, and when no instance there ' +
        'answers in a way that this version understands ([deploys](operating.md#deploys)).',
    }),
}

const cluster = {
  CLUSTER_DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'expected an address with postgresql://' })
    .optional()
    .meta({
      description:
        'Address of a PostgreSQL, 14 or newer, with user, password and database: the ledger of many ' +
        'nodes. With it `LEDGER_KEY` and the bucket below are required.',
      details:
        '`sslmode=verify-full` at its end, with `sslrootcert=` and the path of a certificate, encrypts ' +
        'the connection.',
    }),
  CLUSTER_DATABASE_CONNECTIONS: wholeNumber(1, 1_000)
    .default(10)
    .meta({ description: 'Connections that a node has to the database at the most.' }),
  CLUSTER_S3_ENDPOINT: rootAddress.optional().meta({
    description: 'Address of an S3-compatible store, without the bucket: it has the chunks.',
  }),
  CLUSTER_S3_BUCKET: text.optional().meta({ description: 'The bucket, which is there already.' }),
  CLUSTER_S3_REGION: text.default('us-east-1').meta({ description: 'Its region.' }),
  CLUSTER_S3_ACCESS_KEY_ID: text.optional().meta({
    description: 'Key that may list the bucket and read, write and delete its objects.',
  }),
  CLUSTER_S3_SECRET_ACCESS_KEY: text.optional().meta({ description: 'Its secret.' }),
  CLUSTER_S3_PATH_STYLE: flag.prefault('true').meta({
    description: '`false`: the bucket stands before the name of the host, as AWS wants it.',
  }),
  CLUSTER_CACHE_BYTES: size()
    .prefault('2GB')
    .meta({ description: 'Copies of chunks that a node keeps in `DATA_DIR`.' }),
  CLUSTER_NODE_URL: rootAddress
    .refine((address) => address.startsWith('http:'), 'expected an address with http://')
    .refine((address) => URL.parse(address)?.pathname === '/', 'expected an address without a path')
    .optional()
    .meta({
      description:
        'Address of this node for the other ones, such as `http://10.0.0.7:3000`. What nodes tell each ' +
        'other is encrypted with keys made of `LEDGER_KEY`.',
      otherwise:
        'the address from which the node reaches the database, and `PORT`; `HOST` where it is one',
    }),
  CLUSTER_READS: z
    .enum(['holder', 'shared'], { error: 'expected holder or shared' })
    .default('holder')
    .meta({
      description:
        'Who reads files of an account that another node has: `holder`, that node; `shared`, each node, ' +
        'by connections of its own under the same key.',
    }),
}

/** The groups of the guide, in its order. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, z.ZodType>>>> = {
  'The worker': worker,
  'Backend mode': backendMode,
  'Standalone mode': standaloneMode,
  'Another Telegram server': otherTelegram,
  'Secrets and callers': secretsAndCallers,
  'Public address': publicAddress,
  'Uploads on disk': uploads,
  'Transfers and downloads': traffic,
  'Overload and shutdown': overloadAndShutdown,
  'More than one machine': cluster,
}

/** Every variable the worker reads. */
export const Environment = z.object({
  ...worker,
  ...backendMode,
  ...standaloneMode,
  ...otherTelegram,
  ...secretsAndCallers,
  ...publicAddress,
  ...uploads,
  ...traffic,
  ...overloadAndShutdown,
  ...cluster,
})

export type Env = z.infer<typeof Environment>
