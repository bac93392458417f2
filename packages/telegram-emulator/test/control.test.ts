import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, test } from 'vitest'
import { startTelegram } from './helpers/telegram.ts'

test.each([
  ['an Origin', { origin: 'http://127.0.0.1:10000' }],
  ['an Origin of null', { origin: 'null' }],
  ['a Host of its own', { host: 'evil.example' }],
])('a request with %s is refused', async (_name, headers) => {
  const { control } = await startTelegram()

  expect(await statusOf(`${control.root}/counters`, headers)).toBe(403)
})

test.each(['127.0.0.1', 'localhost:1234', '[::1]:80'])('the Host %s is served', async (host) => {
  const { control } = await startTelegram()

  expect(await statusOf(`${control.root}/counters`, { host })).toBe(200)
})

test('a path with two slashes is no route', async () => {
  const { control } = await startTelegram()

  expect(await ask(control.root, 'GET', '//')).toMatchObject({ status: 404 })
})

test('a byte of a file that a bot sends is flipped', async () => {
  const { control, account, botApi, messages } = await startTelegram()
  const bytes = Buffer.from('hello')
  const effect = { kind: 'flip-byte', at: 1 }
  await ask(control.root, 'POST', '/faults', { method: 'bot:sendDocument', effect, times: 1 })
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root })
  const document = new InputFile(bytes, { filename: 'a.bin' })

  for (let post = 0; post < 2; post++) {
    await api.sendDocument({ chat_id: account.channelId, document })
  }

  const digests = (await messages(account.channelId)).map(({ sha256 }) => sha256)
  expect(digests).toEqual(['hdllo', 'hello'].map(sha256Of))
})

test('a rule goes in and out, and a wrong one is refused', async () => {
  const { control, faults } = await startTelegram()
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_3' }

  const added = await ask(control.root, 'POST', '/faults', { method: 'upload.*', effect, times: 2 })

  expect(added).toEqual({ status: 200, body: { id: 1 } })
  expect(faults.list()).toMatchObject([{ rule: { method: 'upload.*', times: 2 } }])
  expect(await ask(control.root, 'POST', '/faults', { method: 'x', effect: {} })).toMatchObject({
    status: 400,
  })
  await ask(control.root, 'DELETE', '/faults')
  expect(faults.list()).toEqual([])
})

test('accounts are made and found again', async () => {
  const telegram = await startTelegram()
  const wanted = { label: 'anna', channelPosition: { dialogsBefore: 5, archived: true } }

  const { body } = await ask(telegram.control.root, 'POST', '/accounts', wanted)

  expect(body).toMatchObject({ label: 'anna', channelId: expect.stringMatching(/^-100\d+$/) })
  expect(telegram.createAccount({ label: 'anna' })).toEqual(body)
})

test('messages are listed with their digests, and calls are counted', async () => {
  const telegram = await startTelegram()
  const { account, botApi, control } = telegram
  await new Api(account.botToken ?? '', { apiRoot: botApi.root }).sendDocument({
    chat_id: account.channelId,
    document: new InputFile(Buffer.from('hello'), { filename: 'a.txt' }),
  })

  const { body } = await ask(control.root, 'GET', `/messages?channelId=${account.channelId}`)

  expect(body).toMatchObject([
    {
      id: 2,
      fileName: 'a.txt',
      size: 5,
      mimeType: 'text/plain',
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    },
  ])
  expect(await ask(control.root, 'GET', '/counters')).toMatchObject({
    body: { messagesPosted: 1, methods: { 'bot:sendDocument': { calls: 1, bytesIn: 5 } } },
  })
  await ask(control.root, 'POST', '/counters/reset')
  expect(telegram.counters.read().methods).toEqual({})
})

test('settings are read and changed', async () => {
  const { control, settings } = await startTelegram()

  const changed = await ask(control.root, 'POST', '/settings', { latencyMs: 50 })

  expect(changed).toMatchObject({ status: 200, body: { latencyMs: 50, partsTtlMs: 3_600_000 } })
  expect(settings.read().latencyMs).toBe(50)
  expect(await ask(control.root, 'POST', '/settings', { lag: 1 })).toMatchObject({ status: 400 })
  expect(await ask(control.root, 'POST', '/actions', { action: 'cut-connections' })).toEqual({
    status: 200,
    body: { result: 0 },
  })
})

async function ask(
  root: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(root + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

/** fetch would not let Host and Origin be set. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
