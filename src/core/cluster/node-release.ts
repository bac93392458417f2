import { shuttingDown } from '../../errors.ts'
import { withTimeout } from '../../lib/waiting/with-timeout.ts'
import type { Release, ReleaseOptions } from '../handover/release.ts'
import type { Leases, NodeAddress } from '../ports/cluster/leases.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Wakes } from './wakes.ts'

export interface NodeReleaseOptions extends ReleaseOptions {
  dispatcher: Pick<Dispatcher, 'close' | 'left'>
  leases: Pick<Leases, 'self' | 'nodes' | 'close'>
  wakes: Pick<Wakes, 'all'>
}

/** What is nearly done gets so long: the other nodes are there, and go on at once. */
const NEARLY_DONE_MS = 500

/**
 * Leaves a cluster: what is nearly done may end, the jobs are left to the other nodes, the connections
 * are closed, the leases given back, and the others told.
 */
export function createNodeRelease(options: NodeReleaseOptions): Release {
  const { workGate, transfers, downloads, queue, follower, gate, dispatcher, leases } = options
  const { wakes, budget, log } = options

  /** Asked before: a node without leases has left, and asks the database nothing. */
  async function others(): Promise<NodeAddress[]> {
    const nodes = await leases.nodes().catch(() => [])
    return nodes.filter((node) => node !== leases.self)
  }

  return async ({ hurry }) => {
    workGate.startDraining()
    const told = others()
    await withTimeout(dispatcher.close(), { ms: budget.noteMs, onTimeout: () => {} })
    const ended = Promise.all([transfers.idle(), downloads.idle()])
    const ms = Math.min(NEARLY_DONE_MS, budget.endMs)
    if (!hurry) await withTimeout(ended, { ms, onTimeout: () => {} })
    const reason = shuttingDown()
    workGate.close(reason)
    const stopped = Promise.all([queue.close(reason).then(dispatcher.left), follower.close(reason)])
    await withTimeout(stopped, { ms: budget.noteMs, onTimeout: () => {} })
    await gate.leave(reason)
    await leases.close().catch((err: unknown) => {
      log.warn({ err }, 'leases could not be given back: they end by themselves')
    })
    await wakes.all(await told)
    log.info({}, 'disconnected from Telegram')
  }
}
