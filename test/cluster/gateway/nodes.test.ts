import { randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { pollToEnd, postJson, sendChunks, sha256 } from '../../helpers/callers/client.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { startTestCluster } from '../../helpers/cluster/test-nodes.ts'

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')

describe.skipIf(missing !== '')(`one account and several nodes${missing}`, () => {
  test.each([
    { reads: 'holder', end: 'freezes' },
    { reads: 'shared', end: 'dies' },
  ] as const)(
    'every node serves its files, also when the one that has it $end (CLUSTER_READS=$reads)',
    async ({ reads, end }) => {
      const cluster = await startTestCluster({ nodes: 3, env: { CLUSTER_READS: reads } })
      const { token, channelId } = await cluster.addUser('somebody', 'user')
      await cluster.waitUntilReady()
      const bytes = randomBytes(12 * MiB)
      const { uploadId } = await sendChunks(cluster.url, 'a.bin', bytes, { token })
      await postJson(`${cluster.url}/complete-upload`, { uploadId })
      expect((await pollToEnd(cluster.url, uploadId)).at(-1)).toMatchObject({ status: 'completed' })
      const [message] = await cluster.telegram.messages(channelId)
      const hashAt = async (url: string): Promise<string> => {
        const answer = await fetch(`${url}/download?messageId=${message?.id}&token=${token}`)
        return sha256(Buffer.from(await answer.arrayBuffer()))
      }

      for (const { url } of cluster.nodes) expect(await hashAt(url)).toBe(sha256(bytes))

      // One of the three has the account.
      const [first, second, third] = cluster.nodes
      for (const node of [first, second]) {
        if (end === 'dies') await node?.kill()
        else node?.signal('SIGSTOP')
      }
      await vi.waitFor(async () => expect(await hashAt(third?.url ?? '')).toBe(sha256(bytes)), {
        timeout: 60_000,
        interval: 1_000,
      })
      if (end === 'freezes') {
        first?.signal('SIGCONT')
        second?.signal('SIGCONT')
        // They find their leases lost, and ask the third one.
        for (const { url } of cluster.nodes) {
          await vi.waitFor(async () => expect(await hashAt(url)).toBe(sha256(bytes)), {
            timeout: 20_000,
          })
        }
      }
      expect((await cluster.telegram.counters()).keysKilled).toBe(0)
    },
  )
})
