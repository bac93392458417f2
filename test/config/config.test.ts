import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig, secretsOf } from '../../src/config/config.ts'
import { MiB } from '../../src/lib/units.ts'

const SESSION = `1${'a'.repeat(352)}`
const BOT = {
  TELEGRAM_BOT_TOKEN: '42:bot-secret',
  TELEGRAM_CHANNEL_ID: '-1001234567890',
  AUTH_TOKENS: 'ann, bob,',
}
const USER = {
  TELEGRAM_SESSION: SESSION,
  TELEGRAM_API_ID: '12345',
  TELEGRAM_API_HASH: 'hash-secret',
  TELEGRAM_CHANNEL_ID: '-1001234567890',
  AUTH_TOKENS: 'ann',
}

/** The message of the ConfigError that this environment leads to. */
function refusal(environment: Record<string, string>): string {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('the environment was accepted')
}

test('no part of a configuration can be changed', () => {
  const config = loadConfig({
    ...USER,
    TELEGRAM_SERVER: '2@127.0.0.1:443',
    CORS_ORIGINS: 'https://a.b',
  })

  expect(config.mode.kind).toBe('standalone')
  expect(changeable(config)).toEqual([])
})

describe('modes', () => {
  test('nothing configured is embedded, and listens on loopback only', () => {
    const config = loadConfig({})
    expect(config.mode).toEqual({ kind: 'embedded' })
    expect(config.host).toBe('127.0.0.1')
    expect(loadConfig({ HOST: '0.0.0.0' }).host).toBe('0.0.0.0')
  })

  test('nothing configured in production is refused, with the names that are wanted', () => {
    const message = refusal({ NODE_ENV: 'production' })
    for (const name of ['BACKEND_URL', ...Object.keys(BOT), ...Object.keys(USER)]) {
      expect(message).toContain(name)
    }
  })

  test('BACKEND_URL wins over an account in the environment; its last slashes go', () => {
    const config = loadConfig({ BACKEND_URL: 'https://backend.example/base//', ...USER })
    expect(config.mode).toEqual({ kind: 'backend', url: 'https://backend.example/base' })
    expect(config.host).toBe('0.0.0.0')
  })

  test('a bot alone is enough to stand alone', () => {
    expect(loadConfig(BOT).mode).toEqual({
      kind: 'standalone',
      tokens: ['ann', 'bob'],
      credentials: {
        botToken: '42:bot-secret',
        channelId: '-1001234567890',
        session: null,
        apiId: null,
        apiHash: null,
      },
    })
  })

  test('so is a user', () => {
    expect(loadConfig({ ...USER, NODE_ENV: 'production' }).mode).toMatchObject({
      kind: 'standalone',
      credentials: { botToken: null, session: SESSION, apiId: 12345 },
    })
  })

  test.each([
    ['TELEGRAM_CHANNEL_ID', USER],
    ['AUTH_TOKENS', USER],
    ['TELEGRAM_API_ID', USER],
    ['TELEGRAM_API_HASH', USER],
    ['TELEGRAM_CHANNEL_ID', BOT],
    ['AUTH_TOKENS', BOT],
  ])('standing alone without %s is refused', (name, environment) => {
    expect(refusal({ ...environment, [name]: '' })).toContain(`${name} is missing`)
  })

  test('everything that is missing is named at once', () => {
    const message = refusal({ TELEGRAM_SESSION: SESSION })
    const { TELEGRAM_SESSION: _given, ...missing } = USER
    for (const name of Object.keys(missing)) expect(message).toContain(name)
  })
})

test.each([
  ['half of the spool', {}, 2048],
  ['half of a larger spool', { SPOOL_MAX_BYTES: '10GB' }, 5120],
  ['half of a spool that is smaller than a file', { SPOOL_MAX_BYTES: '3GB' }, 1536],
  ['everything where one token is all there is', { ...BOT, AUTH_TOKENS: 'one' }, 4096],
  ['everything where one token is named twice', { ...BOT, AUTH_TOKENS: 'one, one' }, 4096],
  ['half where there are two tokens', { ...BOT, AUTH_TOKENS: 'one,two' }, 2048],
  ['what the operator says', { MAX_BYTES_PER_USER: '7MB' }, 7],
])('a user may reserve %s', (_name, environment, megabytes) => {
  expect(loadConfig(environment).maxBytesPerUser).toBe(megabytes * MiB)
})

test('a cluster needs all that its nodes share, and keeps its secrets to itself', () => {
  const cluster = {
    ...USER,
    LEDGER_KEY: 'a key for all the nodes',
    CLUSTER_DATABASE_URL: 'postgresql://worker:s3cr%65t@db.example/telestore?sslmode=verify-full',
    CLUSTER_S3_ENDPOINT: 'https://s3.example',
    CLUSTER_S3_BUCKET: 'chunks',
    CLUSTER_S3_ACCESS_KEY_ID: 'id',
    CLUSTER_S3_SECRET_ACCESS_KEY: 'the secret of the store',
  }

  const config = loadConfig(cluster)

  expect(loadConfig(USER).cluster).toBeNull()
  expect(config.cluster).toMatchObject({ nodeUrl: null, reads: 'holder' })
  const node = { CLUSTER_NODE_URL: 'http://10.0.0.7:3000', CLUSTER_READS: 'shared' }
  expect(loadConfig({ ...cluster, ...node }).cluster).toMatchObject({ reads: 'shared' })
  for (const [name, value] of Object.entries(node)) {
    expect(refusal({ ...USER, [name]: value })).toContain(`${name}: only with CLUSTER_DATABASE_URL`)
  }
  for (const address of ['https://10.0.0.7', 'http://10.0.0.7/path', '10.0.0.7:3000']) {
    expect(refusal({ ...cluster, CLUSTER_NODE_URL: address })).toContain('CLUSTER_NODE_URL')
  }
  expect(config.cluster?.s3).toMatchObject({ bucket: 'chunks', pathStyle: true })
  const secrets = secretsOf(config).map(({ text }) => text)
  expect(secrets).toEqual(expect.arrayContaining(['s3cret', 'the secret of the store']))
  for (const [name] of Object.entries(cluster).filter(([key]) =>
    /^(LEDGER|CLUSTER_S3)/.test(key),
  )) {
    expect(refusal({ ...cluster, [name]: '' })).toContain(`${name} is missing`)
  }
})

test('what is missing is named together with what is wrong', () => {
  const message = refusal({ PORT: 'abc', TELEGRAM_BOT_TOKEN: '42:bot-secret', AUTH_TOKENS: ' , ' })
  expect(message.split('\n').slice(1)).toEqual([
    '✖ PORT: expected a whole number from 0 to 65535',
    '✖ TELEGRAM_CHANNEL_ID is missing',
    '✖ AUTH_TOKENS is missing',
  ])
})

describe('values', () => {
  test('one error names every bad variable and repeats no value', () => {
    const bad = {
      PORT: '99999',
      BACKEND_URL: 'ftp://wrong.example',
      TELEGRAM_API_ID: 'not-a-number',
      TELEGRAM_CHANNEL_ID: '@my-channel',
      TELEGRAM_BOT_API_ROOT: 'no address',
      TELEGRAM_BOT_API_LOCAL: 'perhaps',
      TELEGRAM_SERVER_KEY: 'a private matter',
      TELEGRAM_SERVER: 'somewhere',
      TELEGRAM_SESSION: '1-cut-off-session',
      TELEGRAM_BOT_TOKEN: 'a-name-of-a-bot',
      CORS_ORIGINS: 'a.example',
      LEDGER_KEY: 'short-secret',
      MAX_FILE_SIZE: '2 gigs',
      MAX_CHUNK_SIZE: '-5MB',
      SPOOL_MAX_BYTES: '0',
      SPOOL_FSYNC: 'sometimes',
      SESSION_TTL: '1h',
      MAX_CONCURRENT_UPLOADS: '0.5',
      MAX_CONCURRENT_DOWNLOADS: '-7',
      TRANSFER_ATTEMPTS: '7777',
      TRANSFER_MAX_SECONDS: 'never',
      SHUTDOWN_GRACE_MS: '2147483648',
      LOG_LEVEL: 'loud',
    }
    const message = refusal(bad)
    for (const name of Object.keys(bad)) expect(message).toContain(name)
    for (const value of Object.values(bad).filter((text) => text.length > 3)) {
      expect(message).not.toContain(value)
    }
  })

  test('an empty variable is an unset one', () => {
    const empty = Object.fromEntries(
      ['PORT', 'BACKEND_URL', 'LEDGER_KEY', 'MAX_FILE_SIZE', 'SPOOL_FSYNC'].map((name) => [
        name,
        '',
      ]),
    )
    expect(loadConfig({ ...empty, TELEGRAM_SESSION: undefined })).toEqual(loadConfig({}))
  })

  test('sizes are bytes, or count in steps of 1024', () => {
    const sizeOf = (text: string) => loadConfig({ MAX_FILE_SIZE: text }).maxFileBytes
    expect(sizeOf('1')).toBe(1)
    expect(sizeOf('512KB')).toBe(512 * 1024)
    expect(sizeOf('5 mb')).toBe(5 * MiB)
    expect(sizeOf('2GB')).toBe(2048 * MiB)
  })

  test('lists are cut at commas, without blanks', () => {
    const { corsOrigins } = loadConfig({ CORS_ORIGINS: ' https://a.example ,,https://b.example' })
    expect(corsOrigins).toEqual(['https://a.example', 'https://b.example'])
  })

  test('an origin is read as people write it, and a star is every one', () => {
    const originsOf = (text: string) => loadConfig({ CORS_ORIGINS: text }).corsOrigins
    expect(originsOf('https://A.example/, capacitor://localhost')).toEqual([
      'https://a.example',
      'capacitor://localhost',
    ])
    expect(originsOf('*')).toEqual([])
    expect(refusal({ CORS_ORIGINS: 'https://a.example/path' })).toContain('CORS_ORIGINS')
  })

  test('"false" is false', () => {
    expect(loadConfig({ SPOOL_FSYNC: 'false' }).spoolFsync).toBe(false)
    expect(loadConfig({ SPOOL_FSYNC: 'true' }).spoolFsync).toBe(true)
  })

  test('a key on one line gets its line ends back', () => {
    const { serverKeyPem } = loadConfig({ TELEGRAM_SERVER_KEY: 'BEGIN PUBLIC KEY\\nMIIB\\nEND' })
    expect(serverKeyPem).toBe('BEGIN PUBLIC KEY\nMIIB\nEND')
  })

  test('an MTProto server of its own is a data centre, a host and a port', () => {
    const { server } = loadConfig({ TELEGRAM_SERVER: '2@127.0.0.1:8443' })
    expect(server).toEqual({ dcId: 2, host: '127.0.0.1', port: 8443 })
  })

  test('everything has a default that a small host can carry', () => {
    expect(loadConfig({})).toMatchObject({
      port: 10_000,
      host: '127.0.0.1',
      dataDir: './data',
      mode: { kind: 'embedded' },
      botApi: { root: 'https://api.telegram.org', local: false },
      serverKeyPem: null,
      server: null,
      ledgerKey: null,
      webhookSecret: null,
      corsOrigins: [],
      maxFileBytes: 50 * 1024 * MiB,
      volumeBytes: 512 * MiB,
      maxChunkBytes: 50 * MiB,
      spoolMaxBytes: 4096 * MiB,
      spoolFsync: false,
      sessionTtlMs: 86_400_000,
      maxConcurrentUploads: 4,
      maxConcurrentDownloads: 64,
      transferAttempts: 8,
      transferMaxMs: 21_600_000,
      shutdownGraceMs: 20_000,
      logLevel: 'info',
    })
  })

  test('what was read cannot be changed', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true)
  })
})

test.each([
  [{}, null],
  [{ RENDER_EXTERNAL_URL: 'https://tele.onrender.com' }, 'https://tele.onrender.com'],
  [{ PUBLIC_URL: 'HTTPS://Files.Example/tele//' }, 'https://files.example/tele'],
  [
    { PUBLIC_URL: 'https://files.example', RENDER_EXTERNAL_URL: 'https://tele.onrender.com' },
    'https://files.example',
  ],
])('of %j the public address is %j', (env, publicUrl) => {
  expect(loadConfig(env).publicUrl).toBe(publicUrl)
})

test.each([
  'files.example',
  'ftp://files.example',
  'https://a:b@files.example',
  'https://x/?a',
  'https://x/#a',
])('the public address cannot be %s', (PUBLIC_URL) => {
  expect(() => loadConfig({ PUBLIC_URL })).toThrow(/PUBLIC_URL: expected an address/)
})

/** The paths of all objects in `value` that are not frozen. */
function changeable(value: object, path = 'config'): string[] {
  const inside = Object.entries(value).flatMap(([name, each]) =>
    typeof each === 'object' && each !== null ? changeable(each, `${path}.${name}`) : [],
  )
  return Object.isFrozen(value) ? inside : [path, ...inside]
}
