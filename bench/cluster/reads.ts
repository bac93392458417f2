import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { postFiles } from '../harness/files.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { addUsers, withNodes } from './nodes.ts'

const FILE_BYTES = 640 * MiB
const READERS = 8
const BANDWIDTH = MiB
/** Connections and windows grow for some seconds: it is counted what comes after that. */
const BEFORE_MS = 7_000
const COUNTED_MS = 12_000

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
    const over = new AbortController()
    const { signal } = over
    let received = 0
    const read = async (from: number, to: number): Promise<void> => {
      const headers = { range: `bytes=${from}-${to - 1}` }
      const response = await fetch(address, { headers, signal })
      if (response.status !== 206) throw new Error(`${response.status} ${await response.text()}`)
      for await (const piece of response.body ?? []) received += piece.length
    }
    // Each node has found the file, and has its connections.
    await Promise.all(Array.from({ length: nodes * 2 }, (_, index) => read(index, index + 1)))
    const readers = Array.from({ length: READERS }, async (_, index) => {
      await read(index * bytes, (index + 1) * bytes).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
      if (!signal.aborted) throw new Error('the file was too short')
    })
    const counted = (async () => {
      await wait(BEFORE_MS)
      const [before, startedAt] = [received, performance.now()]
      await wait(COUNTED_MS)
      return (received - before) / MiB / ((performance.now() - startedAt) / 1000)
    })()
    const speed = await Promise.race([counted, Promise.all(readers).then(() => counted)])
    over.abort()
    await Promise.all(readers)
    return speed
  })
}
