import { randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { pollToEnd, postJson, sendChunks, sha256 } from '../helpers/callers/client.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { startTestCluster } from '../helpers/cluster/test-nodes.ts'

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')

describe.skipIf(missing !== '')(`nodes behind a load balancer${missing}`, () => {
  test('carry a file, are cut from what they need, and come back', async () => {
    const cluster = await startTestCluster({ nodes: 2 })
    const [first, second] = cluster.nodes
    if (!first || !second) throw new Error('there are two')
    const { token, channelId } = await cluster.addUser('somebody')
    await cluster.waitUntilReady()

    // Each thing that a node needs is reached by a link.
    for (const link of [first.links.postgres, first.links.s3]) {
      link.close()
      await vi.waitFor(async () => expect((await fetch(`${first.url}/readyz`)).ok).toBe(false))
      expect((await fetch(`${second.url}/readyz`)).ok).toBe(true)
      link.open()
      await first.ready()
    }
    await first.kill()
    expect(first.running).toBe(false)
    first.start()
    await cluster.waitUntilReady()
    expect(await second.stop()).toBe(0)

    const bytes = randomBytes(12 * MiB)
    const { uploadId } = await sendChunks(cluster.url, 'a.bin', bytes, { token })
    await postJson(`${cluster.url}/complete-upload`, { uploadId })
    expect((await pollToEnd(cluster.url, uploadId)).at(-1)).toMatchObject({ status: 'completed' })
    const messages = await cluster.telegram.messages(channelId)
    expect(messages.map((message) => message.sha256)).toEqual([sha256(bytes)])
  })
})
