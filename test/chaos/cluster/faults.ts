import { sleep } from '../../../src/lib/waiting/sleep.ts'
import type { Cluster, ClusterNode } from '../../helpers/cluster/nodes.ts'
import type { History } from './history.ts'
import type { FaultPlan } from './plan.ts'

/** What is waited for may never come: then the fault comes after all. */
const LATEST_MS = 10_000

/** Brings the fault about when its time has come, and undoes it. */
export async function playFault(
  cluster: Cluster,
  plan: FaultPlan,
  { history, isOver }: { history: History; isOver: () => boolean },
): Promise<void> {
  await whenDue(cluster, plan, isOver)
  if (isOver()) return
  const node = plan.node === 'carrier' ? busiest(cluster.nodes) : cluster.nodes[plan.node]
  if (node === undefined) throw new Error(`there is no node ${plan.node}`)
  const isOfNode = !plan.fault.endsWith('restarts')
  const about = { kind: 'fault', what: plan.fault, node: isOfNode ? node.index : null } as const
  history.add({ ...about, event: 'begin' })
  await act(cluster, node, plan)
  history.add({ ...about, event: 'end' })
}

async function act(cluster: Cluster, node: ClusterNode, { fault, ms }: FaultPlan): Promise<void> {
  switch (fault) {
    case 'kill':
      await node.kill()
      await sleep(ms)
      return node.start()
    case 'stop':
      await node.stop()
      return node.start()
    case 'freeze':
      node.signal('SIGSTOP')
      await sleep(ms)
      return node.signal('SIGCONT')
    case 'postgres restarts':
      return cluster.postgres.restart()
    case 's3 restarts':
      return cluster.s3.restart()
  }
  const link = linkOf(node, fault)
  if (fault.startsWith('no')) link.close()
  else link.freeze()
  await sleep(ms)
  if (fault.startsWith('no')) link.open()
  else link.thaw()
}

function linkOf(node: ClusterNode, fault: FaultPlan['fault']) {
  if (fault.endsWith('postgres')) return node.links.postgres
  if (fault.endsWith('s3')) return node.links.s3
  return fault.endsWith('telegram') ? node.links.telegram : node.peers
}

function busiest(nodes: readonly ClusterNode[]): ClusterNode | undefined {
  return nodes
    .map((node) => ({ node, bytes: node.links.telegram.takeTraffic() }))
    .sort((a, b) => b.bytes - a.bytes)[0]?.node
}

async function whenDue(
  { telegram }: Cluster,
  { at }: FaultPlan,
  isOver: () => boolean,
): Promise<void> {
  if (typeof at === 'number') return sleep(at)
  const calls = async (): Promise<number> =>
    (await telegram.counters()).methods[at.method]?.calls ?? 0
  const before = await calls()
  for (const deadline = performance.now() + LATEST_MS; performance.now() < deadline; ) {
    if (isOver() || (await calls()) - before >= at.count) return
    await sleep(10)
  }
}
