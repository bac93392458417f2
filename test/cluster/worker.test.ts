import { randomBytes } from 'node:crypto'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { BYTES_LOST } from '../../src/core/ports/spool.ts'
import { MiB } from '../../src/lib/units.ts'
import { pollToEnd, postJson, sendChunks, sha256 } from '../helpers/callers/client.ts'
import { type PostgresServer, startPostgres } from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../helpers/cluster/s3-server.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'

const missing = missingPrograms('postgres', 'versitygw')

type Telegram = Awaited<ReturnType<typeof startTelegram>>

describe.skipIf(missing !== '')(`a worker on PostgreSQL and S3${missing}`, () => {
  let postgres: PostgresServer
  let s3: S3Server
  let clusters = 0
  /** Of the objects in each bucket. */
  const folders = new Map<string, string>()

  beforeAll(async () => {
    ;[postgres, s3] = await Promise.all([startPostgres(), startS3()])
  })
  afterAll(() => Promise.all([postgres.stop(), s3.stop()]))

  async function makeCluster(): Promise<Record<string, string>> {
    const name = `cluster-${++clusters}`
    await postgres.createDatabase(name)
    folders.set(name, await s3.createBucket(name))
    return {
      LEDGER_KEY: 'the key of all nodes of the test',
      CLUSTER_DATABASE_URL: postgres.urlOf(name),
      CLUSTER_S3_ENDPOINT: s3.endpoint,
      CLUSTER_S3_BUCKET: name,
      CLUSTER_S3_REGION: s3.region,
      CLUSTER_S3_ACCESS_KEY_ID: s3.accessKeyId,
      CLUSTER_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }
  }

  test('that is killed goes on at another machine from the parts that Telegram has, and posts once', async () => {
    const telegram = await startTelegram()
    const env = await makeCluster()
    const bytes = randomBytes(40 * MiB)
    const before = await startWorkerProcess(telegram, await makeTempDir(), env)
    const held = telegram.faults.add({
      method: 'upload.saveBigFilePart',
      effect: { kind: 'silence' },
      after: 30,
    })
    const { uploadId } = await sendChunks(before.url, 'a.bin', bytes, { token: 'main' })
    await postJson(`${before.url}/complete-upload`, { uploadId })
    await vi.waitFor(() => expect(telegram.counters.read().partsReceived).toBeGreaterThan(20))

    await before.stop('SIGKILL')
    telegram.faults.remove(held)
    const after = await startWorkerProcess(telegram, await makeTempDir(), env)
    const end = (await pollToEnd(after.url, uploadId)).at(-1)

    expect(end).toMatchObject({ status: 'completed', progress: 100, sha256: sha256(bytes) })
    const messages = await telegram.messages(telegram.account.channelId)
    expect(messages.map((message) => message.sha256)).toEqual([sha256(bytes)])
    expect(telegram.counters.read().partsReceived).toBeLessThan(120)
  })

  test('takes chunks again once its database, or its store, has come back', async () => {
    const telegram = await startTelegram()
    const worker = await startWorkerProcess(telegram, await makeTempDir(), await makeCluster())
    const bytes = randomBytes(15 * MiB)
    await postgres.restart()
    await s3.restart()

    const { uploadId } = await sendChunks(worker.url, 'a.bin', bytes, { token: 'main' })
    await postJson(`${worker.url}/complete-upload`, { uploadId })

    expect((await pollToEnd(worker.url, uploadId)).at(-1)).toMatchObject({
      status: 'completed',
      sha256: sha256(bytes),
    })
  })
  /** An upload whose node died before Telegram took a byte of it, and the files of its objects. */
  async function beginAndKill(bytes: Buffer, telegram: Telegram, env: Record<string, string>) {
    const held = telegram.faults.add({
      method: 'upload.saveBigFilePart',
      effect: { kind: 'silence' },
    })
    const worker = await startWorkerProcess(telegram, await makeTempDir(), env)
    const { uploadId } = await sendChunks(worker.url, 'a.bin', bytes, { token: 'main' })
    const folder = folders.get(env.CLUSTER_S3_BUCKET ?? '') ?? ''
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const objects = entries.flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    )
    return {
      uploadId,
      objectOf: (index: number) => objects.find((path) => path.includes(`/${index}-`)) ?? '',
      seal: () => postJson(`${worker.url}/complete-upload`, { uploadId }),
      kill: async () => {
        await worker.stop('SIGKILL')
        telegram.faults.remove(held)
      },
    }
  }

  test.each<[string, (path: string) => Promise<void>]>([
    ['gone', (path) => rm(path)],
    ['damaged', async (path) => writeFile(path, randomBytes((await stat(path)).size))],
  ])(
    'asks for a chunk again whose object is %s, while its sender is there',
    async (_harm, harm) => {
      const telegram = await startTelegram()
      const env = await makeCluster()
      const bytes = randomBytes(20 * MiB)
      const upload = await beginAndKill(bytes, telegram, env)
      const { uploadId } = upload
      await upload.kill()
      await harm(upload.objectOf(2))

      const after = await startWorkerProcess(telegram, await makeTempDir(), env)
      const complete = () => postJson(`${after.url}/complete-upload`, { uploadId })
      const status = () => fetch(`${after.url}/upload-status/${uploadId}`)
      await vi.waitFor(
        async () =>
          expect(await (await status()).json()).toMatchObject({
            received_chunk_indices: [0, 1, 3],
          }),
        { timeout: 60_000, interval: 200 },
      )
      const order = [2]
      await sendChunks(after.url, 'a.bin', bytes, { token: 'main', uploadId, order })
      expect((await complete()).status).toBe(200)

      expect((await pollToEnd(after.url, uploadId)).at(-1)).toMatchObject({
        status: 'completed',
        sha256: sha256(bytes),
      })
    },
  )

  test('says of a file that its bytes were lost, where its sender has left', async () => {
    const telegram = await startTelegram()
    const env = await makeCluster()
    const upload = await beginAndKill(randomBytes(20 * MiB), telegram, env)
    await upload.seal()
    await upload.kill()
    await rm(upload.objectOf(2))

    const after = await startWorkerProcess(telegram, await makeTempDir(), env)

    expect((await pollToEnd(after.url, upload.uploadId)).at(-1)).toMatchObject({
      status: 'failed',
      reason: BYTES_LOST,
    })
  })
})
