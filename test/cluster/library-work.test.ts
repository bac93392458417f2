import { Client } from 'pg'
import { createClient } from 'telestore-client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { uploadFile } from '../helpers/callers/client.ts'
import type { Cluster, ClusterNode } from '../helpers/cluster/nodes.ts'
import { type PostgresServer, startPostgres } from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../helpers/cluster/s3-server.ts'
import { startTestCluster } from '../helpers/cluster/test-nodes.ts'

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')

describe.skipIf(missing !== '')(`three nodes and one library${missing}`, () => {
  let postgres: PostgresServer
  let s3: S3Server

  beforeAll(async () => {
    ;[postgres, s3] = await Promise.all([startPostgres(), startS3()])
  })
  afterAll(() => Promise.all([postgres.stop(), s3.stop()]))

  async function start() {
    const servers = { postgres, s3 }
    const cluster = await startTestCluster({ nodes: 3, links: false, servers })
    const { token } = await cluster.addUser('ann')
    await cluster.waitUntilReady()
    const libraryAt = ({ url }: Pick<ClusterNode, 'url'>) => createClient({ url, token }).library
    return { cluster, token, libraryAt }
  }

  test('make a folder once that all of them are asked for, and read its channel one at a time', async () => {
    const { cluster, token, libraryAt } = await start()
    await uploadFile(cluster.url, 'a.bin', Buffer.from('a'), { token })

    const made = cluster.nodes.map((node) => libraryAt(node).makeFolder('/Photos/Rome'))
    await Promise.all(made)
    await Promise.all(cluster.nodes.map((node) => libraryAt(node).rescan()))
    for (const node of cluster.nodes) {
      await vi.waitFor(
        async () => expect((await libraryAt(node).list()).sync.state).toBe('current'),
        { timeout: 20_000 },
      )
      expect((await libraryAt(node).list({ folder: '/Photos' })).folders).toMatchObject([
        { name: 'Rome' },
      ])
    }

    const { methods, keysKilled } = await cluster.telegram.counters()
    expect(methods['messages.sendMessage']?.calls).toBe(2)
    expect(keysKilled).toBe(0)
  })

  test('go on with a job whose node has died', async () => {
    const { cluster, token, libraryAt } = await start()
    const ends = []
    for (const name of ['a', 'b', 'c', 'd']) {
      ends.push(await uploadFile(cluster.url, `${name}.bin`, Buffer.from(name), { token }))
    }
    const holder = await holderOfAccount(cluster)
    const [begins, goesOn] = cluster.nodes.filter(({ url }) => url !== holder)
    if (!begins || !goesOn) throw new Error('there are three nodes')
    const method = 'messages.editMessage'
    await cluster.telegram.control('/faults', { method, effect: { kind: 'silence' }, after: 2 })

    const messageIds = ends.map(({ messageId }) => messageId ?? 0)
    const { uploadId } = await libraryAt(begins).move(messageIds, '/Moved')
    await vi.waitFor(
      async () =>
        expect((await cluster.telegram.counters()).methods[method]?.calls).toBeGreaterThan(2),
      { timeout: 20_000 },
    )
    await begins.kill()
    await cluster.telegram.clearFaults()
    const end = await createClient({ url: goesOn.url, token }).follow(uploadId)

    expect(end).toMatchObject({ status: 'completed' })
    const { items } = await libraryAt(goesOn).list({ folder: '/Moved' })
    expect(items.map(({ fileName }) => fileName).sort()).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => `${name}.bin`),
    )
  })
})

/** The node that has the one account. */
async function holderOfAccount(cluster: Cluster): Promise<string | undefined> {
  const database = new Client({ connectionString: cluster.databaseUrl })
  await database.connect()
  try {
    const held = "SELECT holder FROM leases WHERE name LIKE 'account:%' AND until IS NOT NULL"
    return (await database.query<{ holder: string }>(held)).rows[0]?.holder
  } finally {
    await database.end()
  }
}
