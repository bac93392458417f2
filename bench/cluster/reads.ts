import { MiB } from '../../src/lib/units.ts'
import { postFiles } from '../harness/files.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { addUsers, withNodes } from './nodes.ts'

const FILE_BYTES = 160 * MiB
const READERS = 8
const BANDWIDTH = 4 * MiB

/** Readers of one file, each of its own part of it, through the load balancer. */
export async function measureReads(rounds: number): Promise<Figure[]> {
  const values: Record<string, number[]> = {}
  const measure = async (name: string, nodes: number, reads: 'holder' | 'shared') => {
    const speed = await runOnce(nodes, reads)
    values[name] = [...(values[name] ?? []), speed]
    process.stderr.write(`  one file, ${name}: ${speed.toFixed(1)} MB/s\n`)
  }
  for (let round = 0; round < rounds; round++) {
    await measure('the holder alone', 1, 'holder')
    await measure('2 nodes, shared', 2, 'shared')
    await measure('4 nodes, shared', 4, 'shared')
    await measure('4 nodes, holder', 4, 'holder')
  }
  return [
    {
      figure: `${READERS} readers of one file, Telegram gives ${BANDWIDTH / MiB} MB/s on a connection`,
      unit: 'MB/s',
      values: Object.fromEntries(Object.entries(values).map(([name, all]) => [name, median(all)])),
      rounds: values,
      goals: [
        { of: '2 nodes, shared', atLeast: 1.85, times: 'the holder alone' },
        { of: '4 nodes, shared', atLeast: 3.4, times: 'the holder alone' },
        { of: '4 nodes, holder', atLeast: 0.9, times: 'the holder alone' },
      ],
    },
  ]
}

function runOnce(nodes: number, reads: 'holder' | 'shared'): Promise<number> {
  return withNodes({ nodes, env: { CLUSTER_READS: reads } }, async (cluster) => {
    const [user] = await addUsers(cluster, 1)
    const token = user?.token ?? ''
    const [messageId = 0] = await postFiles({ url: cluster.url, token }, [FILE_BYTES])
    await cluster.telegram.control('/settings', { bandwidthPerConnection: BANDWIDTH })
    const bytes = FILE_BYTES / READERS
    const address = `${cluster.url}/download?messageId=${messageId}&token=${token}`
    const read = async (from: number, to: number): Promise<void> => {
      const response = await fetch(address, { headers: { range: `bytes=${from}-${to - 1}` } })
      if (response.status !== 206) throw new Error(`${response.status} ${await response.text()}`)
      for await (const _ of response.body ?? []) void _
    }
    // Each node has found the file, and has its connections.
    await Promise.all(Array.from({ length: nodes * 2 }, (_, index) => read(index, index + 1)))
    const startedAt = performance.now()
    await Promise.all(
      Array.from({ length: READERS }, (_, index) => read(index * bytes, (index + 1) * bytes)),
    )
    return FILE_BYTES / MiB / ((performance.now() - startedAt) / 1000)
  })
}
