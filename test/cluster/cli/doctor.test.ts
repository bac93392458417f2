import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runHere } from '../../cli/command.ts'
import { type PostgresServer, startPostgres } from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../../helpers/cluster/s3-server.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { telegramEnv } from '../../helpers/worker/telestore.ts'
import { startWorkerProcess } from '../../helpers/worker/worker-process.ts'

const missing = missingPrograms('postgres', 'versitygw')

describe.skipIf(missing !== '')(`the doctor of a cluster${missing}`, () => {
  let postgres: PostgresServer
  let s3: S3Server
  let clusters = 0

  beforeAll(async () => {
    const started = [startPostgres({ settings: { fsync: 'on' } }), startS3()] as const
    ;[postgres, s3] = await Promise.all(started)
  })
  afterAll(() => Promise.all([postgres.stop(), s3.stop()]))

  /** No node is there. */
  const nowhere = { PORT: '9', HOST: '127.0.0.1' }

  /** The variables of a node that has not started yet. */
  async function makeCluster(): Promise<Record<string, string>> {
    const name = `doctor-${++clusters}`
    await postgres.createDatabase(name)
    await s3.createBucket(name)
    return {
      DATA_DIR: await makeTempDir(),
      LEDGER_KEY: 'the key of all nodes of the test',
      CLUSTER_CACHE_BYTES: '10MB',
      CLUSTER_DATABASE_URL: postgres.urlOf(name),
      CLUSTER_S3_ENDPOINT: s3.endpoint,
      CLUSTER_S3_BUCKET: name,
      CLUSTER_S3_REGION: s3.region,
      CLUSTER_S3_ACCESS_KEY_ID: s3.accessKeyId,
      CLUSTER_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }
  }

  const ofCluster = (lines: string[]): string[] =>
    lines.filter((line) => /^. (Database|Bucket|Nodes|Clocks):/.test(line))

  test('finds an empty database and a bucket in order, and leaves both as they were', async () => {
    const env = await makeCluster()

    const first = await runHere(['doctor'], { ...env, ...nowhere })
    const second = await runHere(['doctor'], { ...env, ...nowhere })

    expect(ofCluster(first.lines)).toEqual([
      expect.stringMatching(/^✔ Database: answers: PostgreSQL \d+\.\d+, not encrypted, empty/),
      "✔ Clocks: the database's clock is this machine's within 1 s",
      expect.stringMatching(/^✔ Bucket: doctor-\d can be written, listed, read/),
      expect.stringMatching(/^✔ Clocks: the object store's clock is this machine's within \d s$/),
      expect.stringMatching(/^• Nodes: this node would be asked at http:\/\/127.0.0.1:9,/),
    ])
    expect(first.code).toBe(0)
    expect(second.lines.join('\n')).toMatch(/^✔ Database: .*, empty/m)
    expect(
      await readdir(join(s3.folder, env.CLUSTER_S3_BUCKET ?? ''), { recursive: true }),
    ).not.toContainEqual(expect.stringMatching(/^doctor\/./))
  })

  test('leaves the session of an account alone, which another worker may have', async () => {
    const telegram = await startTelegram()
    const { account } = telegram
    const env = {
      ...(await makeCluster()),
      ...nowhere,
      ...telegramEnv(telegram),
      AUTH_TOKENS: 'a-long-and-random-token',
      TELEGRAM_API_ID: String(account.apiId),
      TELEGRAM_API_HASH: account.apiHash,
      TELEGRAM_SESSION: account.telethonSession ?? '',
      TELEGRAM_CHANNEL_ID: account.channelId,
    }

    const { lines } = await runHere(['doctor'], env)

    expect(lines.join('\n')).toMatch(
      /^• Session: .* not used, because a worker elsewhere may have it$/m,
    )
  })

  test('asks the nodes that run, and sees which of them has another LEDGER_KEY', async () => {
    const telegram = await startTelegram()
    const env = await makeCluster()
    const node = await startWorkerProcess(telegram, await makeTempDir(), env)

    const same = await runHere(['doctor'], { ...env, ...nowhere })
    const other = await runHere(['doctor'], {
      ...env,
      ...nowhere,
      LEDGER_KEY: 'a key of some other cluster',
    })

    expect(same.lines).toContain(`✔ Nodes: ${node.url} answers, and has the same LEDGER_KEY`)
    expect(same.lines.join('\n')).toMatch(/^✔ Database: .*, schema \d+$/m)
    expect(other.lines).toContain("✖ Database: LEDGER_KEY is not the other nodes'")
    expect(other.lines).toContain(`✖ Nodes: ${node.url} answers, but takes no question from here`)
    expect(other.code).toBe(1)
  })

  test.each([
    [
      'a database that is not there',
      { CLUSTER_DATABASE_URL: 'postgresql://a@127.0.0.1:9/b' },
      '✖ Database: cannot be used: nothing listens there (ECONNREFUSED)',
    ],
    [
      'a bucket that is not there',
      { CLUSTER_S3_BUCKET: 'no-such-bucket' },
      '✖ Bucket: no-such-bucket cannot be looked at: there is no such bucket',
    ],
    [
      'a wrong key of the store',
      { CLUSTER_S3_SECRET_ACCESS_KEY: 'wrong' },
      'cannot be looked at: ',
    ],
  ])('says what is wrong with %s', async (_name, change, expected) => {
    const { lines, code } = await runHere(['doctor'], {
      ...(await makeCluster()),
      ...nowhere,
      ...change,
    })

    expect(code).toBe(1)
    expect(lines.filter((line) => line.startsWith('✖')).join('\n')).toContain(expected)
  })
})
