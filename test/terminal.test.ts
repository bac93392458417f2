import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { showBanner } from '../src/banner.ts'
import { loadConfig } from '../src/config/config.ts'
import { createLogger } from '../src/logger.ts'
import { createTerminalLog } from '../src/terminal-log.ts'

const BOT_TOKEN = '7123456789:AAE-fXqZc0ffee0ffee0ffee0ffee0ffeeA'

/** A terminal of so many colours, in bits; 1 is none. */
function openTerminal(depth = 1) {
  let text = ''
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk
      done()
    },
  })
  const terminal = Object.assign(stream, { isTTY: true, getColorDepth: () => depth })
  return { terminal, text: () => text }
}

function openLog(depth?: number) {
  const { terminal, text } = openTerminal(depth)
  const destination = createTerminalLog(terminal)
  const log = createLogger({ level: 'trace', destination, wholeRequests: true })
  return { log, lines: () => text().split('\n').slice(0, -1), text }
}

test('a request is one line, with what was asked and answered', () => {
  const { log, lines } = openLog()
  const request = { method: 'GET', url: '/download?token=x', routeOptions: { url: '/download' } }

  log.info({ req: request, reqId: 'req-1' }, 'incoming request')
  log.info(
    { res: { statusCode: 206, request }, responseTime: 4.6, reqId: 'req-1' },
    'request completed',
  )

  expect(lines()).toEqual([expect.stringMatching(/^\d\d:\d\d:\d\d {2}GET \/download 206 5 ms$/)])
})

test('what a line says beside its message stands behind it, and its level before it', () => {
  const { log, lines } = openLog()

  log.info({ uploadId: '1_a', size: 5, name: 'a b', list: [1] }, 'Upload completed')
  log.warn({}, 'a circuit has changed')
  log.debug('quiet')
  log.info('Server listening at http://127.0.0.1:10000')

  expect(lines().map((line) => line.slice(10))).toEqual([
    'Upload completed  uploadId=1_a size=5 name="a b" list=[1]',
    'WARN  a circuit has changed',
    'debug  quiet',
  ])
})

test('an error is told with its causes, and with its places where it is a bug', () => {
  const { log, text } = openLog()
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  const err = new TypeError('went wrong', { cause })

  log.warn({ err }, 'will be tried again')
  const [warning = ''] = text().split('\n', 1)
  expect(text()).toBe(`${warning}\n  because Error ECONNREFUSED: refused\n`)
  expect(warning).toMatch(/WARN {2}will be tried again {2}TypeError: went wrong$/)

  log.error({ err }, 'unexpected failure')
  expect(text()).toMatch(/ERROR {2}unexpected failure {2}TypeError: went wrong\n {4}at .*terminal/)
})

test('no terminal obeys what stands in a line, and no line holds a secret', () => {
  const { log, text } = openLog()

  log.info({ name: 'a\u001b[2Jb', other: 'c\u001b]0;d' }, `e\u001b[31m\nf \u202e ${BOT_TOKEN}`)

  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be left
  expect(text().slice(0, -1)).not.toMatch(/[\u0000-\u001f\u202e]/)
  expect(text()).toContain('<hidden>')
  expect(text()).not.toContain(BOT_TOKEN)
})

test('colours are shown where the terminal has them', () => {
  const plain = openLog(1)
  const coloured = openLog(8)

  for (const { log } of [plain, coloured]) log.error({}, 'failed')

  expect(plain.text()).not.toContain('\u001b')
  expect(coloured.text()).toContain('\u001b[31mERROR\u001b[39m')
})

test.each([
  ['embedded', {}, /Token +demo, or any other/],
  ['standalone', { AUTH_TOKENS: 'hidden-words', TELEGRAM_CHANNEL_ID: '-1' }, /one of AUTH_TOKENS/],
  ['backend', { BACKEND_URL: 'https://ann:hidden-words@backend.example' }, /login token/],
])('the banner of the %s mode says where, with which token, and no secret', (mode, env, token) => {
  const { terminal, text } = openTerminal()
  const config = loadConfig({
    ...env,
    ...(mode === 'standalone' && { TELEGRAM_BOT_TOKEN: BOT_TOKEN }),
    HOST: '::',
    RENDER_EXTERNAL_URL: 'https://worker.example/',
    LEDGER_KEY: 'hidden-words-of-the-ledger',
    WEBHOOK_SECRET: 'hidden-words',
  })

  showBanner(terminal, { address: 'http://[::]:10000', config })

  expect(text()).toMatch(/Open +http:\/\/localhost:10000, and by this machine's other addresses\n/)
  expect(text()).toMatch(/Public +https:\/\/worker\.example\n/)
  expect(text()).toMatch(token)
  expect(text()).toMatch(new RegExp(`Mode +${mode}: `))
  expect(text()).not.toMatch(/hidden-words|7123456789/)
})
