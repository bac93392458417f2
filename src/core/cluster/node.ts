import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import type { Release } from '../handover/release.ts'
import type { Leases } from '../ports/cluster/leases.ts'
import type { Peers } from '../ports/cluster/peers.ts'
import type { TransferClaims } from '../ports/cluster/transfer-claims.ts'
import type { Log } from '../ports/log.ts'
import type { JobQueue } from '../runtime/job-queue.ts'
import type { Transfers } from '../transfers/transfer.ts'
import type { VolumeWindows } from '../uploads/volume-windows.ts'
import { type ClusterTransfersOptions, createClusterTransfers } from './cluster-transfers.ts'
import { createDispatcher, type Dispatcher, type DispatcherOptions } from './dispatcher.ts'
import {
  createClusterLock,
  createLeasedJobs,
  type LeasedJobsOptions,
  takeTurns,
} from './leased-work.ts'
import { createNodeRelease, type NodeReleaseOptions } from './node-release.ts'
import { createPolledWindows } from './polled-windows.ts'
import { createUploadAccounts, type UploadAccountsOptions } from './upload-accounts.ts'
import { createWakes } from './wakes.ts'

export interface NodeOptions {
  leases: Leases
  claims: TransferClaims
  peers: Peers
  log: Log
}

/** What is different about the work of a worker that is one of several. */
export interface Node {
  /** Decides which uploads this node carries, and reaches the jobs of the others. */
  carry: (options: NodeCarryOptions) => { transfers: Transfers; dispatcher: Dispatcher }
  /** Windows of uploads that another node may carry. */
  windows: (windows: VolumeWindows) => VolumeWindows
  /** The lock, among all nodes. */
  lock: (local: KeyedLock) => KeyedLock
  /** Jobs that run at one node at a time. */
  jobs: (
    queue: LeasedJobsOptions['queue'],
    isOpen: LeasedJobsOptions['isOpen'],
  ) => Pick<JobQueue, 'start' | 'ended'>
  /** Runs a look at a library once none of the others looks at it. Rejects only when the signal aborts. */
  look: (
    name: string,
    signal: AbortSignal,
    look: (signal: AbortSignal) => Promise<void>,
  ) => Promise<void>
  release: (options: Omit<NodeReleaseOptions, 'leases' | 'wakes' | 'log'>) => Release
}

export type NodeCarryOptions = Pick<ClusterTransfersOptions, 'local' | 'ledger' | 'spool'> &
  Pick<DispatcherOptions, 'ledger' | 'queue' | 'concurrency' | 'maxDurationMs' | 'now'> &
  UploadAccountsOptions

export function createNode({ leases, claims, peers, log }: NodeOptions): Node {
  const wakes = createWakes({ peers, log })
  const inTurn = takeTurns(leases)

  return {
    carry: (options) => {
      const { local, ledger, spool } = options
      const dispatcher = createDispatcher({
        ...{ ...options, leases, claims, peers, wakes, log },
        accounts: createUploadAccounts(options),
        transfers: local,
      })
      const reached = { local, dispatcher, leases, claims, peers, ledger, spool, log }
      return { dispatcher, transfers: createClusterTransfers(reached) }
    },
    windows: createPolledWindows,
    lock: (local) => createClusterLock(local, inTurn),
    jobs: (queue, isOpen) => createLeasedJobs({ queue, leases, isOpen, log }),
    look: async (name, signal, look) => {
      try {
        await inTurn({ name: `follow:${name}`, signal }, look)
      } catch (err) {
        signal.throwIfAborted()
        log.debug({ err }, 'a library is looked at another time')
      }
    },
    release: (options) => createNodeRelease({ ...options, leases, wakes, log }),
  }
}
