import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createWorkerLog, loadConfig, openWorker, type Worker } from '../src/worker.ts'
import { makeTempDir } from './helpers/temp-dir.ts'
import { testCredentials } from './helpers/worker/app.ts'

/** The worker as another program opens it. */

const STANDALONE = {
  TELEGRAM_BOT_TOKEN: '1:bot-token',
  TELEGRAM_CHANNEL_ID: '-1001',
  AUTH_TOKENS: 'a-token',
  SHUTDOWN_GRACE_MS: '1000',
}
const ANYWHERE = { port: 0, host: '127.0.0.1' }

function configOf(dataDir: string, env: Record<string, string> = {}) {
  return loadConfig({ ...STANDALONE, DATA_DIR: dataDir, ...env })
}

async function open(dataDir: string, more: object = {}): Promise<Worker> {
  const config = configOf(dataDir)
  const log = createWorkerLog(config, { write: () => {} })
  const worker = await openWorker({ config, log, ...more })
  onTestFinished(() => worker.close({ hurry: true }))
  return worker
}

test('several workers run in one process, each on a port of its own', async () => {
  const first = await (await open(await makeTempDir())).listen(ANYWHERE)
  const second = await (await open(await makeTempDir())).listen(ANYWHERE)

  expect(first).not.toBe(second)
  for (const address of [first, second]) expect((await fetch(`${address}/health`)).status).toBe(200)
})

test('with nothing configured a Telegram is opened and closed with it', async () => {
  const config = loadConfig({ DATA_DIR: await makeTempDir(), SHUTDOWN_GRACE_MS: '1000' })
  const log = createWorkerLog(config, { write: () => {} })

  const worker = await openWorker({ config, log })
  const address = await worker.listen(ANYWHERE)
  const answer = await fetch(`${address}/jobs`, { headers: { authorization: 'Bearer demo' } })
  await worker.close()

  expect(answer.status).toBe(200)
  await expect(fetch(address)).rejects.toThrow()
})

test('closed twice it closes once, and its folder is free for the next one', async () => {
  const dataDir = await makeTempDir()
  const worker = await open(dataDir)
  await worker.listen(ANYWHERE)

  const [first, again] = [worker.close(), worker.close({ hurry: true })]
  await Promise.all([first, again])
  const next = await open(dataDir)

  expect(first).toBe(again)
  expect(await next.listen(ANYWHERE)).toMatch(/^http/)
})

test('one that never listened can be closed', async () => {
  const worker = await open(await makeTempDir())

  await expect(worker.close()).resolves.toBeUndefined()
})

test('the caller’s own users are served in place of the configured ones', async () => {
  const worker = await open(await makeTempDir(), { credentials: testCredentials })
  const address = await worker.listen(ANYWHERE)
  const statusFor = async (token: string) => {
    const answer = await fetch(`${address}/jobs`, { headers: { authorization: `Bearer ${token}` } })
    return answer.status
  }

  expect(await statusFor('token-ann')).toBe(200)
  expect(await statusFor('a-token')).toBe(401)
})

test('a start that fails leaves nothing open', async () => {
  const dataDir = await makeTempDir()
  const spool = join(dataDir, 'spool')
  await writeFile(spool, 'a file where a folder is needed')
  await expect(open(dataDir)).rejects.toThrow()

  await rm(spool)
  const worker = await open(dataDir)

  expect(await worker.listen(ANYWHERE)).toMatch(/^http/)
})

test('the wait for a folder that another one has ends when it is aborted', async () => {
  const dataDir = await makeTempDir()
  await open(dataDir)
  const waiting = new AbortController()

  const second = open(dataDir, { signal: waiting.signal })
  waiting.abort(new Error('not now'))

  await expect(second).rejects.toThrow('not now')
})

test('a port that is taken leaves the worker open for another', async () => {
  const taken = await (await open(await makeTempDir())).listen(ANYWHERE)
  const worker = await open(await makeTempDir())

  const port = Number(new URL(taken).port)
  await expect(worker.listen({ port, host: '127.0.0.1' })).rejects.toThrow(/EADDRINUSE/)

  expect(await worker.listen(ANYWHERE)).toMatch(/^http/)
})
