import { join } from 'node:path'
import { createForwardingGateway } from './cluster/gateway/forwarding-gateway.ts'
import { findNodeAddress } from './cluster/peers/node-address.ts'
import { createPeers, type OpenedPeers, peerSecret } from './cluster/peers/peers.ts'
import type { ClusterConfig } from './config/config.ts'
import { shareLeases } from './core/cluster/lease-sharing.ts'
import { createNode, type Node } from './core/cluster/node.ts'
import { type SharedBoardOptions, shareBoard } from './core/cluster/progress/shared-board.ts'
import { createStreamLock } from './core/cluster/stream-lock.ts'
import { openClusterClock } from './core/maintenance/cluster-clock.ts'
import type { WorkerClock } from './core/maintenance/worker-clock.ts'
import type { ChannelGateway } from './core/ports/channel.ts'
import type { DownloadTieRecords } from './core/ports/cluster/download-ties.ts'
import type { Leases, NodeAddress } from './core/ports/cluster/leases.ts'
import type { LibraryNewsRecords } from './core/ports/cluster/library-news.ts'
import type { ClusterMetrics } from './core/ports/cluster/metrics.ts'
import type { TransferClaims } from './core/ports/cluster/transfer-claims.ts'
import type { CircuitStatus } from './core/ports/health.ts'
import type { MaintainedLedger } from './core/ports/ledger.ts'
import type { Log } from './core/ports/log.ts'
import type { Spool } from './core/ports/spool.ts'
import type { TelegramGateway } from './core/ports/telegram.ts'
import type { ProgressBoard } from './core/progress/progress-board.ts'
import type { PreemptibleLock } from './lib/concurrency/preemptible-lock.ts'
import { createClusterFigures } from './metrics/cluster/cluster-metrics.ts'
import { meterLeases } from './metrics/cluster/metered-leases.ts'
import { meterPeers } from './metrics/cluster/metered-peers.ts'
import type { AddFigures } from './metrics/metrics.ts'
import type { DiskGate } from './storage/disk/disk-gate.ts'
import { meterStore } from './storage/object-spool/metered-store.ts'
import { createObjectSpool } from './storage/object-spool/object-spool.ts'
import { createObjectStore } from './storage/object-spool/object-store.ts'
import { sweepObjects } from './storage/object-spool/sweep.ts'
import { openLeases } from './storage/postgres/cluster/leases.ts'
import { openDatabase } from './storage/postgres/database.ts'
import { openPostgresLedger } from './storage/postgres/ledger.ts'
import { createSpool } from './storage/spool/spool.ts'
import type { GatedGateway } from './telegram/gated-gateway.ts'

/** This node among the others of its cluster. */
export interface Cluster {
  readonly self: NodeAddress
  readonly peers: OpenedPeers
  /** For the rooms of core. */
  readonly leases: Leases
  /** The same for connections as accounts: an account stays while either has its lease. */
  readonly connectionLeases: Leases
  readonly claims: TransferClaims
  readonly ties: DownloadTieRecords
  readonly news: LibraryNewsRecords
  /** Makes of this node's lock of streams the one of all nodes. */
  readonly shareStreams: (lock: PreemptibleLock, timeoutMs: number) => PreemptibleLock
  /** Makes of this node's board one that also tells what other nodes carry. */
  readonly shareBoard: (
    board: ProgressBoard,
    node: Pick<SharedBoardOptions, 'isHere' | 'now'>,
  ) => ProgressBoard
  /** How this node shares the work with the others. */
  readonly node: Node
  /** Makes of this node's Telegram one that also reaches accounts that other nodes have. */
  readonly forward: (local: GatedGateway) => {
    gateway: TelegramGateway
    channel: ChannelGateway
  }
  /** Removes what the spool has and no row names; resolves with how many objects. */
  readonly removeStrays: (signal: AbortSignal) => Promise<number>
}

export interface ClusterStorageOptions {
  cluster: ClusterConfig
  /** Where the worker listens. */
  listens: { host: string; port: number }
  dataDir: string
  /** 32 bytes. */
  key: Buffer
  gate: DiskGate
  log: Log
  /** Takes, for each that is open, what closes it. */
  opened: (() => unknown)[]
}

/** How what the nodes share is doing. */
export interface SharedStorage {
  circuits: () => { database: CircuitStatus; bucket: CircuitStatus }
  figures: AddFigures
}

/** A chunk's row is written within seconds of its object, or never. */
const STRAY_AFTER_MS = 2 * 3_600_000

/** Opens what the nodes of a cluster share. Only a cluster loads this file, and its libraries. */
export async function openClusterStorage({
  cluster,
  listens,
  dataDir,
  key,
  gate,
  log,
  opened,
}: ClusterStorageOptions): Promise<{
  ledger: MaintainedLedger
  spool: Spool
  folders: null
  cluster: Cluster
  clock: WorkerClock
  shared: SharedStorage
}> {
  const metrics = createClusterFigures()
  const ledger = await openPostgresLedger({
    url: cluster.databaseUrl,
    maxConnections: cluster.databaseConnections,
    key,
    log,
    onStatement: metrics.statement,
    metrics,
  })
  opened.push(ledger.close)
  // What survives a loss of power is in the store.
  const local = await createSpool({ directory: join(dataDir, 'cache'), fsync: false, log, gate })
  opened.push(local.close)
  const store = meterStore(
    createObjectStore({
      ...cluster.s3,
      circuit: {
        onStateChange: (state) =>
          log.warn({ state }, 'the circuit before the object store has changed'),
      },
    }),
    metrics,
  )
  const spool = await createObjectSpool({
    store,
    local,
    maxCacheBytes: cluster.cacheBytes,
    acknowledged: ledger.chunks,
    log,
  })
  opened.push(spool.close)
  const shared: SharedStorage = {
    circuits: () => ({ database: ledger.databaseState.circuit, bucket: store.circuit }),
    figures: (registry) =>
      metrics.register(registry, {
        nodes: async () => (await leases.nodes()).length,
        connections: () => ledger.databaseState.connections,
        chunkCache: () => spool.copies,
      }),
  }
  const removeStrays = (signal: AbortSignal) =>
    sweepObjects({ store, ledger, minAgeMs: STRAY_AFTER_MS, signal })
  const self = await findNodeAddress({ ...cluster, ...listens })
  const shareOf = shareLeases(await openOwnLeases({ cluster, self, metrics, log }))
  const [leases, connectionLeases] = [shareOf(), shareOf()]
  // What cannot be given back ends by itself.
  opened.push(() => leases.close().catch(() => {}))
  const peers = meterPeers(createPeers({ secret: peerSecret(ledger), self, log }), metrics)
  opened.push(peers.close)
  log.info({ node: self }, 'other nodes of the cluster ask this one at this address')
  const clock = await openClusterClock(ledger)
  const shareStreams: Cluster['shareStreams'] = (lock, timeoutMs) =>
    createStreamLock(lock, { leases, peers, timeoutMs, log })
  const share: Cluster['shareBoard'] = (board, node) =>
    shareBoard(board, { ...node, self, peers, rows: ledger, log, signal: peers.closed })
  const forward: Cluster['forward'] = (local) =>
    createForwardingGateway({ local, leases: connectionLeases, peers, reads: cluster.reads, log })
  const node = createNode({ leases, claims: ledger, peers, log })
  const ports = {
    self,
    peers,
    leases,
    connectionLeases,
    claims: ledger,
    ties: ledger,
    news: ledger,
  }
  const parts = { ...ports, shareBoard: share, shareStreams, forward, node, removeStrays }
  return { ledger, spool, folders: null, clock, cluster: parts, shared }
}

/** By connections of their own: they must not wait for the ledger's work, nor for long. */
async function openOwnLeases({
  cluster,
  self,
  metrics,
  log,
}: {
  cluster: ClusterConfig
  self: NodeAddress
  metrics: ClusterMetrics
  log: Log
}): Promise<Leases> {
  const open = (maxConnections: number) =>
    openDatabase({
      url: cluster.databaseUrl,
      log,
      maxConnections,
      patienceMs: 2_000,
      statementMs: 3_000,
      // A connection that is gone without a word leaves time for another one before leases are given up.
      lateMs: 500,
      onStatement: metrics.statement,
    })
  const [database, renewals] = [open(2), open(1)]
  const close = () => Promise.all([database.close(), renewals.close()])
  try {
    const leases = meterLeases(await openLeases({ database, renewals, self, log }), metrics)
    const giveUp = async () => {
      try {
        await leases.close()
      } finally {
        await close()
      }
    }
    return { ...leases, close: giveUp }
  } catch (error) {
    await close()
    throw error
  }
}
