import { join } from 'node:path'
import type { ClusterConfig } from './config/config.ts'
import { openClusterClock } from './core/maintenance/cluster-clock.ts'
import type { WorkerClock } from './core/maintenance/worker-clock.ts'
import type { MaintainedLedger } from './core/ports/ledger.ts'
import type { Log } from './core/ports/log.ts'
import type { Spool } from './core/ports/spool.ts'
import type { DiskGate } from './storage/disk/disk-gate.ts'
import { createObjectSpool } from './storage/object-spool/object-spool.ts'
import { createObjectStore } from './storage/object-spool/object-store.ts'
import { openPostgresLedger } from './storage/postgres/ledger.ts'
import { createSpool } from './storage/spool/spool.ts'

export interface ClusterStorageOptions {
  cluster: ClusterConfig
  dataDir: string
  /** 32 bytes. */
  key: Buffer
  gate: DiskGate
  log: Log
  /** Takes, for each that is open, what closes it. */
  opened: (() => unknown)[]
}

/** Opens what the nodes of a cluster share. Only a cluster loads this file, and its libraries. */
export async function openClusterStorage({
  cluster,
  dataDir,
  key,
  gate,
  log,
  opened,
}: ClusterStorageOptions): Promise<{
  ledger: MaintainedLedger
  spool: Spool
  folders: null
  clock: WorkerClock
}> {
  const ledger = await openPostgresLedger({
    url: cluster.databaseUrl,
    maxConnections: cluster.databaseConnections,
    key,
    log,
  })
  opened.push(ledger.close)
  // What survives a loss of power is in the store.
  const local = await createSpool({ directory: join(dataDir, 'cache'), fsync: false, log, gate })
  opened.push(local.close)
  const spool = await createObjectSpool({
    store: createObjectStore(cluster.s3),
    local,
    maxCacheBytes: cluster.cacheBytes,
    acknowledged: ledger.chunks,
    log,
  })
  opened.push(spool.close)
  return { ledger, spool, folders: null, clock: await openClusterClock(ledger) }
}
