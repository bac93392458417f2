import { randomBytes } from 'node:crypto'
import { cp, mkdir, readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createSweeper } from '../../src/core/maintenance/sweeper.ts'
import {
  completeAndPoll,
  newUploadId,
  postChunk,
  postJson,
  sha256,
} from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startChild } from '../helpers/source-process.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, type TestWorker, testCredentials } from '../helpers/worker/app.ts'
import { registerEnvironment } from '../secrets/register.ts'
import { trace, traceTest } from '../secrets/trace.ts'

const token = 'token-ann'

test('a chunk whose row cannot be written leaves no file, and is accepted when it comes again', async () => {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const bytes = randomBytes(3000)
  const uploadId = newUploadId()
  const file = { uploadId, totalChunks: 3, fileName: 'a.bin', fileSize: 3000, authToken: token }
  const send = (chunkIndex: number, chunk: Buffer) =>
    postChunk(worker.url, { ...file, chunkIndex, chunk })
  const chunkAt = (index: number) => bytes.subarray(index * 1000, (index + 1) * 1000)
  expect((await send(0, chunkAt(0))).status).toBe(200)
  tamper(
    worker.dataDir,
    `CREATE TRIGGER full BEFORE INSERT ON chunks
    BEGIN SELECT RAISE(ABORT, 'no room'); END`,
  )

  const refused = await send(1, chunkAt(1))

  expect(refused.status).toBeGreaterThanOrEqual(500)
  expect(await readdir(join(worker.dataDir, 'spool', 'uploads', uploadId))).toEqual(['0.chunk'])
  expect(await readdir(join(worker.dataDir, 'spool', 'tmp'))).toEqual([])
  tamper(worker.dataDir, 'DROP TRIGGER full')
  // The first one was not acknowledged: other bytes in its place are as good.
  expect((await send(1, chunkAt(1))).status).toBe(200)
  expect((await send(2, chunkAt(2))).status).toBe(200)
  expect((await completeAndPoll(worker.url, uploadId)).at(-1)?.status).toBe('completed')
  expect(gateway.posted.map((posted) => sha256(posted.bytes))).toEqual([sha256(bytes)])
})

test('start-up repairs wrong chunk files, and the sender goes on', async () => {
  const before = await startReceiving({ chunks: 8, sent: [0, 1, 2, 3, 4, 5] })
  const image = await crash(before)
  const folder = join(image, 'spool', 'uploads', before.uploadId)
  await truncate(join(folder, '0.chunk'), 999)
  await unlink(join(folder, '1.chunk'))
  await writeFile(join(folder, '2.chunk'), Buffer.alloc(1001))
  await unlink(join(folder, '3.chunk'))
  await mkdir(join(folder, '3.chunk', 'inside'), { recursive: true })
  await writeFile(join(folder, '7.chunk'), before.bytes.subarray(7000))
  await mkdir(join(image, 'spool', 'uploads', 'nobody-s'))
  await writeFile(join(image, 'spool', 'uploads', 'nobody-s', '0.chunk'), 'x')
  await mkdir(join(image, 'spool', 'uploads', 'not an id'))
  await writeFile(join(image, 'spool', 'tmp', 'half'), 'x')

  const after = await restart(image)

  expect(await after.receivedOf(before.uploadId)).toEqual([4, 5])
  const uploads = await readdir(join(image, 'spool', 'uploads'))
  // What is none of the spool's is left alone.
  expect(uploads.sort()).toEqual([before.uploadId, 'not an id'].sort())
  expect((await readdir(folder)).sort()).toEqual(['4.chunk', '5.chunk'])
  expect(await readdir(join(image, 'spool', 'tmp'))).toEqual([])
  await after.sendAndComplete(before, [0, 1, 2, 3, 6, 7])
})

test.each<[string, (ledger: string) => Promise<void>]>([
  ['torn in its middle', async (path) => overwrite(path, 4096, 8 * 4096)],
  ['cut off', async (path) => truncate(path, 2 * 4096)],
  ['empty', async (path) => truncate(path, 0)],
  ['no database', async (path) => writeFile(path, 'x'.repeat(50_000))],
  ['gone', async (path) => unlink(path)],
])(
  'with a ledger that is %s the worker starts, and earlier uploads are unknown and can be sent again',
  async (_name, damage) => {
    const before = await startReceiving({ chunks: 4, sent: [0, 1] })
    // All of it in the main file, as after a stop.
    const image = await crash(before, { checkpoint: true })
    await damage(join(image, 'ledger.sqlite'))

    const after = await restart(image)

    const status = await fetch(`${after.url}/upload-status/${before.uploadId}`)
    expect(status.status).toBe(404)
    expect(await status.json()).toMatchObject({
      hint: expect.stringContaining('add the file again'),
    })
    expect(await readdir(join(image, 'spool', 'uploads'))).toEqual([])
    await after.sendAndComplete(before, [0, 1, 2, 3])
  },
)

test.each<[string, (log: string) => Promise<void>]>([
  ['cut off', async (path) => truncate(path, Math.floor((await stat(path)).size * 0.6))],
  ['torn at its end', async (path) => overwrite(path, (await stat(path)).size - 5000)],
  ['noise', async (path) => overwrite(path, 0)],
  ['gone', async (path) => unlink(path)],
])('a ledger whose log is %s promises only chunks that are there', async (_name, damage) => {
  const before = await startReceiving({ chunks: 6, sent: [0, 1, 2, 3] })
  const image = await crash(before)
  await damage(join(image, 'ledger.sqlite-wal'))

  const after = await restart(image)

  const listed = await after.receivedOf(before.uploadId)
  const folder = join(image, 'spool', 'uploads', before.uploadId)
  const there = await readdir(folder).catch(() => [])
  expect(there.sort()).toEqual(listed.map((index) => `${index}.chunk`).sort())
  const missing = [0, 1, 2, 3, 4, 5].filter((index) => !listed.includes(index))
  await after.sendAndComplete(before, missing)
})

test('after a change of LEDGER_KEY an upload goes on as soon as its sender shows the token again', async () => {
  const before = await startReceiving({ chunks: 4, sent: [0, 1] })
  const image = await crash(before)
  await writeFile(join(image, 'ledger.key'), `${randomBytes(32).toString('hex')}\n`)

  const after = await restart(image)

  expect(await after.receivedOf(before.uploadId)).toEqual([0, 1])
  await after.sendAndComplete(before, [2, 3])
})

test.each([
  ['a year ahead', 365, 401],
  ['a year behind', -365, 200],
])(
  'a clock that is %s after a restart ends no upload and makes no link valid for longer',
  async (_name, days, answerToOldLink) => {
    const before = await startReceiving({ chunks: 4, sent: [0, 1] })
    const link = await linkTo(before.worker.url, before)
    const image = await crash(before)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())

    const after = await restart(image)

    const { ledger, spool, folders, now, log } = after.adapters
    const { expired } = await createSweeper({
      ledger,
      spool,
      folders,
      cluster: null,
      sessionTtlMs: after.config.sessionTtlMs,
      now,
      isActive: () => false,
      expire: async () => true,
      log,
    }).run()
    expect(expired).toBe(0)
    expect(await after.receivedOf(before.uploadId)).toEqual([0, 1])
    expect((await fetch(`${after.url}${link}`)).status).toBe(answerToOldLink)
    expect((await fetch(`${after.url}${await linkTo(after.url, before)}`)).status).toBe(200)
    await after.sendAndComplete(before, [2, 3])
  },
)

test('a start that cannot be made ends with one sentence and exit code 1', async () => {
  const later = await makeTempDir()
  tamper(
    later,
    'CREATE TABLE later (x); PRAGMA user_version = 999; PRAGMA application_id = 1414745159',
  )
  const keyless = await makeTempDir()
  await writeFile(join(keyless, 'ledger.key'), 'half a k')
  const blocked = join(await makeTempDir(), 'file')
  await writeFile(blocked, '')

  const runs = [later, keyless, blocked].map((dataDir) =>
    runToEnd({ DATA_DIR: dataDir, PORT: '0', HOST: '127.0.0.1', ...STANDALONE }),
  )

  const ends = await Promise.all(runs)
  expect(ends.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1])
  const sentences = ends.map(({ output }) => /the worker cannot start: [^"]*/.exec(output)?.[0])
  expect(sentences).toEqual([
    expect.stringContaining('later version'),
    expect.stringContaining('ledger.key is damaged'),
    expect.stringContaining('DATA_DIR cannot be used'),
  ])
  for (const { output } of ends) expect(output).not.toContain('    at ')
})

test('a taken port and an unknown host each end the start with a sentence about it', async () => {
  const { url } = await startWorker()
  const { port } = new URL(url)

  const ends = await Promise.all(
    [
      { PORT: port, HOST: '127.0.0.1' },
      { PORT: '0', HOST: 'nobody.invalid' },
    ].map(async (where) => runToEnd({ DATA_DIR: await makeTempDir(), ...where, ...STANDALONE })),
  )

  expect(ends.map(({ exitCode }) => exitCode)).toEqual([1, 1])
  expect(ends[0]?.output).toContain('the worker cannot start: another program listens on PORT')
  expect(ends[1]?.output).toContain('the worker cannot start: HOST and PORT cannot be listened on')
})

interface Receiving {
  worker: TestWorker
  uploadId: string
  bytes: Buffer
  chunks: number
}

const CHUNK = 1000

async function send(url: string, { uploadId, bytes, chunks }: Receiving, index: number) {
  const chunk = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
  const file = { uploadId, totalChunks: chunks, fileName: 'a.bin', fileSize: bytes.length }
  const response = await postChunk(url, { ...file, chunkIndex: index, authToken: token, chunk })
  expect(response.status).toBe(200)
}

/** A worker that has acknowledged these chunks of an upload. */
async function startReceiving({ chunks, sent }: { chunks: number; sent: number[] }) {
  const worker = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  // Only what follows stands in the ledger's log.
  tamper(worker.dataDir, 'PRAGMA wal_checkpoint(TRUNCATE)')
  const bytes = randomBytes(chunks * CHUNK)
  const receiving: Receiving = { worker, uploadId: newUploadId(), bytes, chunks }
  for (const index of sent) await send(worker.url, receiving, index)
  return receiving
}

/** What a kill would leave on disk at this moment. */
async function crash({ worker }: Receiving, { checkpoint = false } = {}): Promise<string> {
  if (checkpoint) tamper(worker.dataDir, 'PRAGMA wal_checkpoint(TRUNCATE)')
  const image = await makeTempDir()
  await cp(worker.dataDir, image, { recursive: true })
  await worker.close()
  return image
}

async function restart(dataDir: string) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ dataDir, gateway, credentials: testCredentials })
  return {
    ...worker,
    receivedOf: async (uploadId: string): Promise<number[]> => {
      const response = await fetch(`${worker.url}/upload-status/${uploadId}`)
      if (response.status === 404) return []
      const body = (await response.json()) as { received_chunk_indices: number[] }
      return body.received_chunk_indices
    },
    sendAndComplete: async (receiving: Receiving, indexes: number[]): Promise<void> => {
      for (const index of indexes) await send(worker.url, receiving, index)
      const end = (await completeAndPoll(worker.url, receiving.uploadId)).at(-1)
      expect(end?.status).toBe('completed')
      const posted = gateway.posted.map((document) => sha256(document.bytes))
      expect(posted).toEqual([sha256(receiving.bytes)])
    },
  }
}

/** A link to the upload's progress that is good for an hour. */
async function linkTo(url: string, { uploadId }: Receiving): Promise<string> {
  const issued = await postJson(`${url}/tickets`, { uploadId, authToken: token })
  return ((await issued.json()) as { url: string }).url
}

async function overwrite(path: string, from: number, to?: number): Promise<void> {
  const bytes = await readFile(path)
  randomBytes((to ?? bytes.length) - from).copy(bytes, from)
  await writeFile(path, bytes)
}

const STANDALONE = {
  TELEGRAM_BOT_TOKEN: '1:test',
  TELEGRAM_CHANNEL_ID: '-1001',
  AUTH_TOKENS: 'token-ann',
}

async function runToEnd(env: Record<string, string>) {
  registerEnvironment(env)
  traceTest()
  const child = startChild('src/server.ts', { env, onOutput: trace })
  onTestFinished(child.kill)
  await vi.waitFor(() => expect(child.running()).toBe(false))
  return { exitCode: child.exitCode(), output: child.output() }
}

function tamper(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, 'ledger.sqlite'), { timeout: 5_000 })
  database.exec(sql)
  database.close()
}
