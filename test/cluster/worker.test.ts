import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { pollToEnd, postJson, sendChunks, sha256 } from '../helpers/callers/client.ts'
import { type PostgresServer, startPostgres } from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../helpers/cluster/s3-server.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'

const missing = missingPrograms('postgres', 'versitygw')

describe.skipIf(missing !== '')(`a worker on PostgreSQL and S3${missing}`, () => {
  let postgres: PostgresServer
  let s3: S3Server
  let clusters = 0

  beforeAll(async () => {
    ;[postgres, s3] = await Promise.all([startPostgres(), startS3()])
  })
  afterAll(() => Promise.all([postgres.stop(), s3.stop()]))

  async function makeCluster(): Promise<Record<string, string>> {
    const name = `cluster-${++clusters}`
    await postgres.createDatabase(name)
    await s3.createBucket(name)
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
})
