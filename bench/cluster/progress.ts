import { randomBytes } from 'node:crypto'
import { MiB } from '../../src/lib/units.ts'
import type { Figure } from '../harness/results.ts'
import { completed, sendFile } from '../harness/web-client.ts'
import { addUsers, p99Of, withNodes } from './nodes.ts'

const NODES = 4
const FILE_MB = 40

interface Sight {
  percent: number
  at: number
}

/** How much later than the first node each of the others tells how far an upload is. */
export async function measureProgress(): Promise<Figure[]> {
  const late = await withNodes({ nodes: NODES }, async (cluster) => {
    await cluster.telegram.control('/settings', { bandwidthPerConnection: 2 * MiB })
    const [user] = await addUsers(cluster, 1)
    const worker = { url: cluster.url, token: user?.token ?? '' }
    const block = randomBytes(5 * MiB)
    const uploadId = await sendFile(worker, { megabytes: FILE_MB, block, parallel: 2 })
    const sights = Promise.all(cluster.nodes.map(({ url }) => watch(url, uploadId)))
    await completed(worker, uploadId)
    return latenessOf(await sights)
  })
  return [
    {
      figure: `progress at another node: 99th percentile of ${late.length}`,
      unit: 'ms',
      values: { worker: p99Of(late) },
      goals: [{ atMost: 400 }],
    },
  ]
}

async function watch(url: string, uploadId: string): Promise<Sight[]> {
  const headers = { accept: 'text/event-stream' }
  const response = await fetch(`${url}/upload-progress/${uploadId}`, { headers })
  const decoder = new TextDecoder()
  const sights: Sight[] = []
  for await (const piece of response.body ?? []) {
    const at = performance.now()
    for (const [, data] of decoder.decode(piece, { stream: true }).matchAll(/^data: ?(.*)$/gm)) {
      sights.push({ percent: (JSON.parse(data ?? '') as { progress: number }).progress, at })
    }
  }
  return sights
}

/** Only what was seen while all were watching. */
function latenessOf(nodes: readonly Sight[][]): number[] {
  const begin = Math.max(...nodes.map(([first]) => first?.at ?? 0))
  const percents = new Set(
    nodes
      .flat()
      .filter(({ at }) => at > begin)
      .map(({ percent }) => percent),
  )
  return [...percents].flatMap((percent) => {
    const times = nodes.map((sights) => sights.find((sight) => sight.percent >= percent)?.at ?? 0)
    const first = Math.min(...times)
    return times.filter((time) => time !== first).map((time) => time - first)
  })
}
