import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loginAnswer, startBackend } from '../helpers/peers/fake-backend.ts'
import { startSharedTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker } from '../helpers/worker/app.ts'
import { telegramEnv } from '../helpers/worker/telestore.ts'
import { runHere } from './command.ts'

const telegram = await startSharedTelegram()

type Account = typeof telegram.account

/** The variables of a worker on this account, with nothing wrong. */
async function standalone(account: Account = telegram.account): Promise<Record<string, string>> {
  return {
    ...telegramEnv(telegram),
    // No worker is there.
    PORT: '9',
    DATA_DIR: await makeTempDir(),
    AUTH_TOKENS: 'a-long-and-random-token',
    TELEGRAM_API_ID: String(account.apiId),
    TELEGRAM_API_HASH: account.apiHash,
    TELEGRAM_SESSION: account.telethonSession ?? '',
    TELEGRAM_BOT_TOKEN: account.botToken ?? '',
    TELEGRAM_CHANNEL_ID: account.channelId,
    SPOOL_MAX_BYTES: '10MB',
    VOLUME_BYTES: '3MB',
    // Not every machine has a C compiler.
    TELESTORE_NATIVE: 'off',
  }
}

const failed = (lines: string[]): string[] => lines.filter((line) => line.startsWith('✖'))

test('a good set-up passes, and its session stays valid', async () => {
  const env = await standalone()

  const first = await runHere(['doctor'], env)
  const second = await runHere(['doctor', '--json'], env)

  expect(first.lines).toEqual([
    expect.stringMatching(/^✔ Configuration: one Telegram account/),
    expect.stringMatching(/^• Encryption: AES by WebAssembly.*TELESTORE_NATIVE is off$/),
    expect.stringMatching(/^✔ DATA_DIR: .* can be written, .* are free$/),
    expect.stringMatching(/^✔ Clock: right within \d s$/),
    expect.stringMatching(/^✔ Bot: .* is known to Telegram$/),
    expect.stringMatching(/^✔ Bot's channel: may post in "main files"$/),
    expect.stringMatching(/^✔ Session: "main" is signed in, at data centre \d$/),
    expect.stringMatching(/^✔ Session's channel: may post in "main files"$/),
    'Nothing is wrong',
  ])
  expect(first.code).toBe(0)
  expect(first.stderr).toContain('no worker may run on it elsewhere')
  expect(second.code).toBe(0)
  const verdicts = second.lines.map((line) => JSON.parse(line).verdict)
  expect(verdicts).toEqual(['ok', 'note', ...Array(6).fill('ok')])
})

test('every wrong variable is named', async () => {
  const { code, lines } = await runHere(['doctor'], { PORT: 'http', MAX_FILE_SIZE: 'big' })

  expect(code).toBe(1)
  expect(failed(lines)).toEqual([
    '✖ Configuration: the worker would not start with these variables',
  ])
  expect(lines.join('\n')).toMatch(/PORT.*MAX_FILE_SIZE|MAX_FILE_SIZE.*PORT/s)
})

test('a disk of hardly more than one large file is noted', async () => {
  const { lines } = await runHere(['doctor'], { ...(await standalone()), VOLUME_BYTES: '4MB' })

  expect(lines).toContain(
    '• VOLUME_BYTES: a large file takes all of the 10.0 MB that its user has on the disk',
  )
})

test('a folder that cannot be used is a fault', async () => {
  const path = join(await makeTempDir(), 'file')
  await writeFile(path, 'a file, no folder')

  const { code, lines } = await runHere(['doctor'], { DATA_DIR: path })

  expect(code).toBe(1)
  expect(failed(lines)).toEqual([expect.stringMatching(/^✖ DATA_DIR: .* cannot be used: /)])
})

test.each([
  [
    'an unknown bot token',
    () => ({ TELEGRAM_BOT_TOKEN: '1:unknown' }),
    ['Bot: Telegram does not take the bot token'],
  ],
  [
    'a channel that neither is in',
    () => ({ TELEGRAM_CHANNEL_ID: telegram.createAccount({ label: 'stranger' }).channelId }),
    ["Bot's channel: the bot does not see the channel", "Session's channel: this account does not"],
  ],
  [
    'a session that is none',
    () => ({ TELEGRAM_SESSION: `1${'A'.repeat(352)}` }),
    ['Session: TELEGRAM_SESSION is no string session'],
  ],
  [
    'a Bot API that is not there',
    () => ({ TELEGRAM_BOT_API_ROOT: 'http://127.0.0.1:9' }),
    ['Bot: the Bot API cannot be reached'],
  ],
])('%s is found, with what to do about it', async (_name, change, expected) => {
  const env = { ...(await standalone()), ...change() }

  const { code, lines } = await runHere(['doctor'], env)

  expect(code).toBe(1)
  const found = failed(lines)
  expect(found).toHaveLength(expected.length)
  for (const [index, sentence] of expected.entries()) expect(found[index]).toContain(sentence)
  const advice = lines.filter((line) => line.startsWith('    '))
  expect(advice.length).toBeGreaterThanOrEqual(expected.length)
  expect(lines.join('\n')).not.toContain('1:unknown')
})

test('a session that Telegram has revoked is a fault', async () => {
  const account = telegram.createAccount({ label: 'revoked' })
  telegram.faults.revokeKey(account.authKeyId ?? '', 'unregister')

  const { code, lines } = await runHere(['doctor'], await standalone(account))

  expect(code).toBe(1)
  expect(failed(lines)).toEqual(['✖ Session: Telegram session not authorized'])
  expect(lines.join('\n')).toContain('Make a new one')
})

test('a bot that is in the channel and may not post is a fault, with advice for its administrator', async () => {
  const root = await serveBotApi({
    getMe: { id: 7, is_bot: true, username: 'a_bot' },
    getChat: { id: -1001, type: 'channel', title: 'Files' },
    getChatMember: { status: 'administrator', can_post_messages: false },
  })
  const { TELEGRAM_SESSION: _, ...env } = await standalone()

  const { code, lines } = await runHere(['doctor'], { ...env, TELEGRAM_BOT_API_ROOT: root })

  expect(code).toBe(1)
  expect(failed(lines)).toEqual([`✖ Bot's channel: may not post in "Files" (administrator)`])
  expect(lines).toContain('    In the channel: Administrators, @a_bot, "Post messages".')
})

test('rights that only posts of others need are noted, and are no fault', async () => {
  const home = telegram.createAccount({ label: 'rights' })
  const { channelId } = home
  const guest = { ...telegram.account, channelId }
  const asGuest = (accountId: number | null, without: ('edit' | 'delete')[]) =>
    telegram.faults.setRole({ channelId, accountId: accountId ?? 0, role: 'admin', without })
  asGuest(guest.botId, ['edit', 'delete'])
  asGuest(guest.userId, ['delete'])

  const { code, lines } = await runHere(['doctor'], await standalone(guest))

  expect(code).toBe(0)
  expect(lines).toContain("• Bot's channel: may not edit or delete what others have posted")
  expect(lines).toContain("• Session's channel: may not delete what others have posted")
  expect(lines).toContain('    Administrators, this account, "Delete messages of others".')
})

test('while a worker uses the folder, its session is not used', async () => {
  const { DATA_DIR: elsewhere = '', ...env } = await standalone()
  const worker = await startWorker({ env })
  telegram.counters.reset()

  const byFolder = await runHere(['doctor'], { ...env, DATA_DIR: worker.dataDir })
  const byAddress = await runHere(['doctor', '--url', worker.url], {
    ...env,
    DATA_DIR: elsewhere,
  })

  for (const { code, lines } of [byFolder, byAddress]) {
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain('it was not used, because a worker runs')
    expect(lines.join('\n')).toContain('Two processes on one session make Telegram revoke it')
  }
  expect(JSON.stringify(telegram.counters.read())).not.toContain('users.getUsers')
})

test('with a token that the backend knows, its Telegram is checked as well', async () => {
  const backend = await startBackend()
  const { account } = telegram
  const telegramFields = {
    bot_token: account.botToken,
    channel_id: account.channelId,
    telegram_session: account.telethonSession,
    telegram_api_id: String(account.apiId),
    telegram_api_hash: account.apiHash,
  }
  backend.logins.set('good', loginAnswer('ann', telegramFields))
  const env = { ...(await backendEnv(backend.url)), TELESTORE_TOKEN: 'good' }

  const careful = await runHere(['doctor'], env)
  const { code, lines } = await runHere(['doctor', '--force'], env)

  expect(careful.code).toBe(0)
  expect(careful.lines.join('\n')).toContain('not used, because a deployed worker may be using it')
  expect(failed(lines)).toEqual([])
  expect(lines).toContain('✔ Backend: knows the token as user ann')
  expect(lines).toContain(`✔ Session's channel: may post in "main files"`)
  expect(code).toBe(0)
})

test('without a token only the backend itself is checked', async () => {
  const backend = await startBackend()

  const { code, lines } = await runHere(['doctor'], await backendEnv(backend.url))

  expect(code).toBe(0)
  expect(lines).toContain('✔ Backend: answers')
  expect(lines.some((line) => line.includes('Bot:'))).toBe(false)
})

test.each([
  ['a refused token', 'none', 'Backend: answers, and refuses the token'],
  [
    'a user without Telegram',
    'bare',
    'Backend: knows the user, whose Telegram is not set up: Add a bot',
  ],
  ['a page in place of a backend', 'html', 'Backend: '],
  ['no server', 'stopped', 'Backend: '],
])('%s is a fault of the backend', async (_name, trouble, sentence) => {
  const backend = await startBackend()
  if (trouble === 'bare')
    backend.fail({ kind: 'status', status: 400, body: { detail: 'Add a bot' } })
  if (trouble === 'html') backend.fail({ kind: 'html' })
  if (trouble === 'stopped') await backend.stop()

  const env = { ...(await backendEnv(backend.url)), TELESTORE_TOKEN: 'secret-token' }
  const { code, lines } = await runHere(['doctor'], env)

  expect(code).toBe(1)
  expect(failed(lines)).toEqual([expect.stringContaining(sentence)])
  expect(lines.join('\n')).not.toContain('secret-token')
})

test('a wrong clock is a fault, with the seconds that it is off', async () => {
  const backend = await startBackend()
  // However long the doctor takes, it is no later than the header says.
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const date = new Date(Date.now() - 10 * 60_000).toUTCString()
  backend.fail({ kind: 'status', status: 401, headers: { date } })

  const { code, lines } = await runHere(['doctor'], await backendEnv(backend.url))

  expect(code).toBe(1)
  expect(failed(lines)).toEqual([expect.stringMatching(/^✖ Clock: (599|600|601) s fast$/)])
})

async function backendEnv(url: string): Promise<Record<string, string>> {
  return {
    ...telegramEnv(telegram),
    PORT: '9',
    DATA_DIR: await makeTempDir(),
    BACKEND_URL: url,
    SPOOL_MAX_BYTES: '10MB',
    VOLUME_BYTES: '3MB',
  }
}

async function serveBotApi(results: Record<string, object>): Promise<string> {
  const server = createServer((request, response) => {
    const method = request.url?.split('/').at(-1) ?? ''
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ok: true, result: results[method] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
