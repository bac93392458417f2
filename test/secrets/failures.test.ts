import { randomBytes } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { postJson, sendChunks } from '../helpers/callers/client.ts'
import { freePort } from '../helpers/free-port.ts'
import { loginAnswer, startBackend } from '../helpers/peers/fake-backend.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, type TestWorkerOptions } from '../helpers/worker/app.ts'
import { spellingsOf } from './spellings.ts'

/** Every failure that has a secret in its hands, on purpose: neither log nor caller gets it. */

const random = (): string => randomBytes(18).toString('hex')

test.each([
  ['refuses the token', 401, { ok: false, error_code: 401, description: 'Unauthorized' }],
  ['knows no such token', 404, { ok: false, error_code: 404, description: 'Not Found' }],
  ['repeats the token', 400, 'echo'],
  ['answers HTML', 502, '<html>bad gateway</html>'],
])(
  'a bot token appears in no answer and no log when the Bot API %s',
  async (_case, status, body) => {
    const botToken = `123456789:${random()}`
    const root = await startHttp((url) => ({
      status,
      body:
        body === 'echo' ? { ok: false, error_code: 400, description: `cannot do ${url}` } : body,
    }))

    const said = await failOnce({ TELEGRAM_BOT_API_ROOT: root }, { bot_token: botToken })

    expectNone(said, botToken, botToken.slice(10))
  },
)

test.each(['refuses connections', 'cuts connections'])(
  'a bot token appears in no answer and no log when the Bot API %s',
  async (fault) => {
    const botToken = `123456789:${random()}`
    const root = await startBroken(fault === 'refuses connections')

    const said = await failOnce({ TELEGRAM_BOT_API_ROOT: root }, { bot_token: botToken })

    expectNone(said, botToken, botToken.slice(10))
  },
)

test.each([
  ['is no session', random().repeat(4)],
  ['is nearly one', `1${randomBytes(262).toString('base64url')}`],
  [
    'leads nowhere',
    `1${Buffer.concat([Buffer.from([2, 127, 0, 0, 1, 0, 1]), randomBytes(256)]).toString('base64url')}`,
  ],
])('a session that %s appears in no answer and no log', async (_case, session) => {
  const apiHash = random()

  const said = await failOnce(
    {},
    { bot_token: null, telegram_session: session, telegram_api_hash: apiHash },
  )

  expectNone(said, session, session.slice(100, 140), apiHash)
})

test.each([
  { kind: 'reset' },
  { kind: 'half' },
  { kind: 'html' },
  {
    kind: 'shape',
    body: { bot_token: 'secret-in-a-wrong-shape', valid: 'secret-in-a-wrong-shape' },
  },
  { kind: 'status', status: 400, body: { detail: 'echo' } },
] as const)(
  'a login token appears in no answer and no log when the backend fails ($kind)',
  async (fault) => {
    const token = random()
    const backend = await startBackend()
    const body = fault.kind === 'status' ? { detail: `400: no ${token}` } : undefined
    backend.fail(fault.kind === 'status' ? { ...fault, body } : fault)
    const { url, log } = await startListening({ env: { BACKEND_URL: backend.url } })

    const answer: unknown = await sendChunks(url, 'a.bin', Buffer.from('abc'), { token }).catch(
      toText,
    )
    const link = await fetch(`${url}/download?messageId=1&token=${token}`)

    expect(answer).toMatch(/chunk 0: (400|401|503)/)
    expectNone([String(answer), await link.text(), ...log], token, 'secret-in-a-wrong-shape')
  },
)

test('the path of a failing disk appears in no answer', async () => {
  const { url, log, dataDir } = await startListening({})
  await rm(join(dataDir, 'spool'), { recursive: true })
  await writeFile(join(dataDir, 'spool'), 'in the way')

  const answer: unknown = await sendChunks(url, 'a.bin', Buffer.from('abc'), {
    token: 'token-ann',
  }).catch(toText)
  const readiness = await (await fetch(`${url}/readyz`)).text()

  expect(answer).toMatch(/chunk 0: 50[37]/)
  expectNone([String(answer), readiness, ...log], dataDir)
})

test('an unusable configuration is refused without its values', () => {
  const secret = random()
  const wrong = {
    BACKEND_URL: `ftp://${secret}`,
    TELEGRAM_API_ID: secret,
    TELEGRAM_CHANNEL_ID: secret,
    TELEGRAM_SERVER_KEY: secret,
    TELEGRAM_SERVER: secret,
    LEDGER_KEY: secret.slice(0, 12),
    MAX_FILE_SIZE: secret,
    CORS_ORIGINS: secret,
    NODE_ENV: 'production',
  }

  expect(() => loadConfig(wrong)).toThrow(/LEDGER_KEY/)
  expect(() => loadConfig(wrong)).not.toThrow(secret.slice(0, 12))
})

test('a damaged ledger key is refused without its text', async () => {
  const dataDir = await makeTempDir()
  const secret = random()
  await writeFile(join(dataDir, 'ledger.key'), secret)
  await chmod(join(dataDir, 'ledger.key'), 0o600)

  const failure = await startWorker({ dataDir }).catch((error: unknown) => error)

  expect(failure).toBeInstanceOf(Error)
  expect(String(failure)).toContain('ledger.key is damaged')
  expectNone([String(failure)], secret, dataDir)
})

const toText = (error: unknown): string => String(error)

async function startListening(options: TestWorkerOptions) {
  const log: string[] = []
  return { ...(await startWorker({ ...options, onLog: (line) => log.push(line) })), log }
}

/** One upload of a user with these credentials, until it fails; all that was said about it. */
async function failOnce(env: Record<string, string>, credentials: object): Promise<string[]> {
  const token = random()
  const backend = await startBackend()
  backend.logins.set(token, loginAnswer('ann', credentials))
  const { url, log } = await startListening({
    env: { BACKEND_URL: backend.url, TRANSFER_ATTEMPTS: '1', ...env },
  })
  const { uploadId } = await sendChunks(url, 'a.bin', Buffer.from('abc'), { token })

  await postJson(`${url}/complete-upload`, { uploadId })
  // What may pass is tried for minutes: its first failure is enough.
  await vi.waitFor(() => expect(log.join('')).toMatch(/Upload failed|cannot be reached/))
  const progress = await fetch(`${url}/upload-progress/${uploadId}`)

  const said = [await progress.text(), JSON.stringify([...progress.headers]), ...log]
  expectNone(said, token)
  return said
}

function expectNone(said: readonly string[], ...secrets: string[]): void {
  const all = said.join('\n')
  for (const spelling of secrets.flatMap(spellingsOf)) expect(all).not.toContain(spelling)
}

async function startHttp(
  answer: (url: string) => { status: number; body: unknown },
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    const { status, body } = answer(request.url ?? '')
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A port without a server, or a server that cuts each connection. */
async function startBroken(refuses: boolean): Promise<string> {
  const server = createTcpServer((socket) => socket.destroy())
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  if (refuses) await new Promise((resolve) => server.close(resolve))
  else onTestFinished(() => void server.close())
  return `http://127.0.0.1:${port}`
}
