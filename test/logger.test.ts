import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { loadConfig, secretsOf } from '../src/config/config.ts'
import { AppError } from '../src/errors.ts'
import { createLogger } from '../src/logger.ts'

const BOT_TOKEN = '7123456789:AAE-fXqZc0ffee0ffee0ffee0ffee0ffeeA'
const SESSION = `1${randomBytes(263).toString('base64url')}`
const KEY = randomBytes(256).toString('hex')
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl'

function createMemoryLog(env: Record<string, string> = {}) {
  const lines: string[] = []
  const hidden = secretsOf(loadConfig({ NODE_ENV: 'test', ...env }))
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLogger({ level: 'trace', hidden, destination })
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? 'null')
  return { log, lines, last }
}

test('of an error only its kind, message, code, place and causes are logged', () => {
  const { log, last } = createMemoryLog()
  const cause = Object.assign(new TypeError('fetch failed'), {
    code: 'ECONNREFUSED',
    config: { url: 'https://example.test/private' },
    request: { headers: { authorization: 'private' } },
  })

  log.error({ err: new AppError('BACKEND_UNAVAILABLE', 'It is down', { cause }) }, 'failed')

  expect(last().err).toEqual({
    type: 'AppError',
    message: 'It is down',
    code: 'BACKEND_UNAVAILABLE',
    stack: expect.stringMatching(/^AppError: It is down\n\s+at .*logger\.test\.ts/),
    cause: {
      type: 'TypeError',
      message: 'fetch failed',
      code: 'ECONNREFUSED',
      stack: expect.stringMatching(/^TypeError: fetch failed\n\s+at /),
    },
  })
})

test('a failure of the disk is told without its path', async () => {
  const { log, lines, last } = createMemoryLog()
  const failure = await readFile('/nowhere/private/ledger.key').catch((error: Error) => error)

  log.error({ err: failure }, 'failed')

  expect(last().err).toMatchObject({ code: 'ENOENT', message: 'ENOENT: open' })
  expect(lines.join('')).not.toContain('/nowhere')
})

test.each([
  ['alone', (error: Error) => [error]],
  ['as a field without a message', (error: Error) => [{ err: error }]],
])('an error logged %s lends the line no message', async (_case, toArguments) => {
  const { log, lines } = createMemoryLog()
  const failure = await readFile('/nowhere/private').catch((error: Error) => error)

  Reflect.apply(log.error, log, toArguments(failure as Error))

  expect(lines.join('')).not.toContain('/nowhere')
})

test('of a request only method, path and address are logged, and of a path no more than an id', () => {
  const { log, last } = createMemoryLog()
  const request = {
    method: 'GET',
    url: '/upload-status/abc?token=x',
    ip: '::1',
    headers: { a: 'b' },
  }
  const pathOf = (segment: string, pattern?: string) => {
    const url = `/upload-status/${segment}?token=x`
    log.info({ req: { ...request, url, routeOptions: { url: pattern } } }, 'incoming request')
    return last().req
  }
  const ours = '/upload-status/:uploadId'
  const joined = `joined_${'aB3-'.repeat(10)}x_z`

  const rest = { method: 'GET', ip: '::1' }
  expect(pathOf('1762700000000_k3j9x0a2b', ours)).toEqual({
    ...rest,
    path: '/upload-status/1762700000000_k3j9x0a2b',
  })
  expect(pathOf(joined, ours)).toEqual({ ...rest, path: `/upload-status/${joined}` })
  for (const mistake of [
    'opaque-words',
    '0f8fad5b-d9cb-469f-a165-70867728950e',
    '1234567890_',
    '',
  ]) {
    expect(pathOf(mistake, ours)).toEqual({ ...rest, path: ours })
  }
  expect(pathOf('abc')).toEqual({ ...rest, path: '(unknown)' })
  expect(pathOf('abc', '/files/*')).toEqual({ ...rest, path: '/files/*' })
})

test.each([
  ['a Bot API URL', `https://api.telegram.org/bot${BOT_TOKEN}/getMe`, BOT_TOKEN],
  ['an encoded Bot API URL', `/file/bot${encodeURIComponent(BOT_TOKEN)}/a.bin`, 'ffeeA'],
  ['a bot token alone', `token ${BOT_TOKEN}, bad`, BOT_TOKEN],
  ['a JWT', `jwt ${JWT}!`, JWT],
  ['a ticket', `tkt_${'Ab1-'.repeat(20)}`, 'Ab1-'],
  ['a header', 'Authorization: Bearer opaque-words', 'opaque-words'],
  ['a query', '/download?messageId=1&token=opaque-words&x=1', 'opaque-words'],
  ['a string session', SESSION, SESSION.slice(20, 80)],
  ['a key in hex', KEY, KEY.slice(100, 140)],
  ['a URL with a password', 'http://ann:opaque-words@host/', 'opaque-words'],
])('%s is taken out of every line', (_case, text, secret) => {
  const { log, lines, last } = createMemoryLog()

  log.warn({ note: text, err: new Error(text) }, text)

  expect(lines.join('')).not.toContain(secret)
  expect(last().msg).toContain('<hidden>')
})

test('what the configuration holds is taken out of every line, in any spelling', () => {
  const dataDir = '/var/tmp/somewhere/data'
  const env = {
    DATA_DIR: dataDir,
    AUTH_TOKENS: 'first words & more,second-words',
    TELEGRAM_BOT_TOKEN: '1:short-token',
    TELEGRAM_SESSION: `1${'session/words+'.repeat(26)}`,
    TELEGRAM_API_ID: '1',
    TELEGRAM_API_HASH: 'hash-words',
    TELEGRAM_CHANNEL_ID: '-1001',
    LEDGER_KEY: 'ledger key "in quotes"',
    WEBHOOK_SECRET: 'webhook-words',
  }
  const { log, lines, last } = createMemoryLog(env)
  const { AUTH_TOKENS, TELEGRAM_API_ID: _id, TELEGRAM_CHANNEL_ID: _channel, ...others } = env
  const secrets = [...AUTH_TOKENS.split(','), ...Object.values(others)]

  for (const secret of secrets) log.info({ raw: secret, url: encodeURIComponent(secret) }, secret)

  for (const secret of secrets)
    expect(lines.join('')).not.toContain(JSON.stringify(secret).slice(1, -1))
  log.info(`could not open ${dataDir}/spool`)
  expect(last().msg).toBe('could not open <DATA_DIR>/spool')
})

test('lines without a secret are left as they are', () => {
  const { log, last } = createMemoryLog()

  log.info({ uploadId: '1762700000000_k3j9x0a2b', size: 5 }, 'Upload session initialized')

  expect(last()).toMatchObject({
    uploadId: '1762700000000_k3j9x0a2b',
    size: 5,
    msg: 'Upload session initialized',
  })
})
