import { randomBytes } from 'node:crypto'
import { appendFile, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import type { TestProject } from 'vitest/node'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker } from '../helpers/worker/app.ts'
import { setup } from './global-setup.ts'
import { type SecretRecord, searchFolder } from './search.ts'
import { traceAnswersFrom } from './wire.ts'

/** The hunt that runs after the whole suite, let loose on what is planted for it. */

const TOKEN = '7123456789:AAE-fXq_Zc0ffee0ffee0ffee0ffee0ffe+/'
const KEY = randomBytes(256)

test.each([
  ['as it is', TOKEN],
  ['in a URL', encodeURIComponent(TOKEN)],
  ['in base64', Buffer.from(TOKEN).toString('base64')],
  ['in base64 after one byte', Buffer.from(`:${TOKEN}`).toString('base64')],
  ['in base64 in a sentence', Buffer.from(`my ${TOKEN}, please`).toString('base64url')],
  ['in hex', Buffer.from(TOKEN).toString('hex')],
])('a token is found %s', async (_case, planted) => {
  const folder = await plant([{ kind: 'bot token', text: TOKEN }], `before ${planted} after`)

  const [finding, ...more] = await searchFolder(folder)

  expect(finding).toMatchObject({ kind: 'bot token', line: 2 })
  expect(finding?.excerpt).not.toContain(planted)
  expect(more).toEqual([])
})

test.each([
  ['a whole key in base64', KEY.toString('base64')],
  ['a piece of a key in hex', KEY.subarray(100, 180).toString('hex')],
  [
    'a string session that holds the key',
    `1${Buffer.concat([Buffer.alloc(7), KEY]).toString('base64url')}`,
  ],
])('%s is found', async (_case, planted) => {
  const folder = await plant([{ kind: 'auth key', key: KEY.toString('base64') }], planted)

  expect(await searchFolder(folder)).toMatchObject([{ kind: 'auth key' }])
})

test('a text with quotes and line ends is found inside JSON', async () => {
  const secret = 'two\nlines "quoted"'
  const line = JSON.stringify({ err: { message: `saw ${secret}` } })
  const folder = await plant([{ kind: 'password', text: secret }], line)

  expect(await searchFolder(folder)).toMatchObject([{ kind: 'password' }])
})

test('half of a long secret is found, innocent lines and short words are not', async () => {
  const long = randomBytes(300).toString('base64url')
  const secrets = [
    { kind: 'session', text: long },
    { kind: 'login token', text: 'main' },
  ]
  const guilty = await plant(secrets, `…${long.slice(150)}`)
  const innocent = await plant(secrets, `the main thing: ${long.slice(0, 20)}`)

  expect(await searchFolder(guilty)).toMatchObject([{ kind: 'session' }])
  expect(await searchFolder(innocent)).toEqual([])
})

test('the run fails when a worker has written a secret, and says where', async () => {
  let folder = ''
  const provide = (_name: string, value: string): void => {
    folder = value
  }
  const teardown = await setup({ provide } as unknown as TestProject)
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await fill(folder, [{ kind: 'bot token', text: TOKEN }], `GET /bot${TOKEN}/getMe`)

  await expect(teardown()).rejects.toThrow(/bot token at .*worker\.log:2: GET \/bot<the bot token>/)
})

test('the trace holds what a worker logs and answers, and the register its secrets', async () => {
  // Shaped as an uploadId: what stands in a path in place of one is not logged.
  const marker = `${Date.now()}_${randomBytes(5).toString('hex').slice(0, 9)}`
  const env = { AUTH_TOKENS: `token-${marker}`, WEBHOOK_SECRET: `webhook-${marker}` }
  const { url, dataDir } = await startWorker({ env })

  await fetch(`${url}/upload-status/${marker}`)

  const names = await readdir(inject('traceDir'))
  const mine = names.filter((name) => name.startsWith(`${process.pid}.`))
  expect(mine.sort()).toEqual([`${process.pid}.log`, `${process.pid}.secrets`])
  const read = (ending: string) =>
    readFile(join(inject('traceDir'), `${process.pid}.${ending}`), 'utf8')
  expect(await read('log')).toContain(`"path":"/upload-status/${marker}"`)
  expect(await read('log')).toMatch(/answer: HTTP\/1\.1 404 .*"code":"UPLOAD_NOT_FOUND"/)
  const secrets = await read('secrets')
  for (const text of [`token-${marker}`, `webhook-${marker}`, dataDir]) {
    expect(secrets).toContain(JSON.stringify(text))
  }
})

test('the trace holds what another process answers, until that process has ended', async () => {
  const marker = `marker-${randomBytes(6).toString('hex')}`
  const server = createServer((request, response) => {
    response.setHeader('x-asked', request.url ?? '')
    response.end(`told: ${request.url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ask = async (path: string) => (await fetch(`${url}/${path}-${marker}`)).text()

  const forget = traceAnswersFrom(url)
  await ask('its')
  forget()
  await ask('another')

  const log = await readFile(join(inject('traceDir'), `${process.pid}.log`), 'utf8')
  expect(log).toContain(`told: /its-${marker}`)
  expect(log).toMatch(new RegExp(`x-asked /its-${marker}`))
  expect(log).not.toContain(`another-${marker}`)
})

async function plant(secrets: SecretRecord[], line: string): Promise<string> {
  const folder = await makeTempDir()
  await fill(folder, secrets, line)
  return folder
}

async function fill(folder: string, secrets: SecretRecord[], line: string): Promise<void> {
  const records = secrets.map((secret) => `${JSON.stringify(secret)}\n`)
  await appendFile(join(folder, 'worker.secrets'), records.join(''))
  await appendFile(join(folder, 'worker.log'), `an innocent line\n${line}\n`)
}
