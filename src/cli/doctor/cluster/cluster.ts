import { findNodeAddress } from '../../../cluster/peers/node-address.ts'
import type { ClusterConfig } from '../../../config/config.ts'
import { loadLedgerKey } from '../../../storage/ledger/secrets/key.ts'
import type { DoctorContext } from '../check.ts'
import { checkBucket } from './bucket.ts'
import { checkDatabase } from './database.ts'
import { checkNodes } from './nodes.ts'

const quiet = (): void => {}
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet }

/**
 * Checks what the nodes of a cluster share, and the nodes that run. Resolves with why an account of
 * Telegram may be in use at this moment: one that moves to a cluster, by the worker that has it until then.
 */
export async function checkCluster(
  context: DoctorContext,
  cluster: ClusterConfig,
): Promise<string> {
  const { config, signal } = context
  const { ledgerKey, dataDir, host, port } = config
  const key = loadLedgerKey({ fromEnv: ledgerKey ?? undefined, directory: dataDir, log: SILENT })
  const found = await checkDatabase(context, { cluster, key })
  signal.throwIfAborted()
  await checkBucket(context, cluster)
  signal.throwIfAborted()
  if (found === null) return 'other nodes may run'
  const self = await findNodeAddress({ ...cluster, host, port })
  await checkNodes(context, { self, nodes: found.nodes, key })
  return found.nodes.length === 0 ? 'a worker elsewhere may have it' : 'nodes of its cluster run'
}
