import { randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { pollToEnd, postJson, sendChunks, sha256 } from '../../helpers/callers/client.ts'
import type { Cluster, ClusterNode } from '../../helpers/cluster/nodes.ts'
import { withClient } from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { startTestCluster } from '../../helpers/cluster/test-nodes.ts'

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')
/** Until a lease has ended, 5 s more, and then some for a busy machine. */
const TAKEN_OVER_MS = 40_000
/** What was given up is taken at once. */
const HANDED_ON_MS = 12_000

/** The node that carries the upload, and the other one. */
async function carrierOf(cluster: Cluster, uploadId: string): Promise<[ClusterNode, ClusterNode]> {
  const [first, second] = cluster.nodes
  if (!first || !second) throw new Error('there are two')
  const carrier = await vi.waitFor(async () => {
    const { rows } = await withClient(cluster.databaseUrl, (client) =>
      client.query('SELECT carrier FROM uploads WHERE id = $1 AND carrier IS NOT NULL', [uploadId]),
    )
    expect(rows).toHaveLength(1)
    return String(rows[0].carrier)
  }, 10_000)
  return carrier === first.url ? [first, second] : [second, first]
}

describe.skipIf(missing !== '')(`what another node carries${missing}`, () => {
  test.each([
    [
      'stands still',
      (node: ClusterNode) => node.signal('SIGSTOP'),
      (node: ClusterNode) => node.signal('SIGCONT'),
      TAKEN_OVER_MS,
    ],
    [
      'is cut off from the database without a word',
      (node: ClusterNode) => node.links.postgres.freeze(),
      (node: ClusterNode) => node.links.postgres.thaw(),
      TAKEN_OVER_MS,
    ],
    [
      'is killed',
      (node: ClusterNode) => node.kill(),
      (node: ClusterNode) => node.start(),
      TAKEN_OVER_MS,
    ],
    [
      'is stopped',
      (node: ClusterNode) => node.stop(),
      (node: ClusterNode) => node.start(),
      HANDED_ON_MS,
    ],
  ])(
    'goes on at this one when that node %s, and is posted once',
    async (_fault, harm, mend, withinMs) => {
      const cluster = await startTestCluster({ nodes: 2 })
      const { token, channelId } = await cluster.addUser('somebody')
      await cluster.waitUntilReady()
      const bytes = randomBytes(12 * MiB)
      const { uploadId } = await sendChunks(cluster.url, 'a.bin', bytes, { token })
      const [carrier, other] = await carrierOf(cluster, uploadId)

      await harm(carrier)
      const began = performance.now()
      await postJson(`${other.url}/complete-upload`, { uploadId })
      expect((await pollToEnd(other.url, uploadId)).at(-1)).toMatchObject({ status: 'completed' })
      expect(performance.now() - began).toBeLessThan(withinMs)
      await mend(carrier)
      await cluster.waitUntilReady()

      // The account is read at once at both, so where two are connected its key dies.
      for (const { url } of [carrier, other]) {
        const answer = await fetch(`${url}/library`, {
          headers: { authorization: `Bearer ${token}` },
        })
        expect(answer.status).toBe(200)
      }
      const messages = await cluster.telegram.messages(channelId)
      expect(messages.map((message) => message.sha256)).toEqual([sha256(bytes)])
      expect((await cluster.telegram.counters()).keysKilled).toBe(0)
    },
  )
})
