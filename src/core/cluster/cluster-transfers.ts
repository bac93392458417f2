import type { AppError } from '../../errors.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type { Leases, NodeAddress } from '../ports/cluster/leases.ts'
import type { Peers } from '../ports/cluster/peers.ts'
import type { TransferClaims } from '../ports/cluster/transfer-claims.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Spool } from '../ports/spool.ts'
import { createArrivingFile } from '../transfers/outgoing-file.ts'
import type { LocalTransfers, Transfers } from '../transfers/transfer.ts'
import type { Dispatcher } from './dispatcher.ts'

export interface ClusterTransfersOptions {
  local: LocalTransfers
  dispatcher: Pick<Dispatcher, 'wanted' | 'stopHere'>
  leases: Pick<Leases, 'self' | 'nodes'>
  claims: Pick<TransferClaims, 'carrierOf'>
  peers: Pick<Peers, 'ask'>
  ledger: Pick<Ledger, 'findUpload' | 'chunks'>
  spool: Pick<Spool, 'read'>
  log: Log
}

/** A node that says nothing for so long does not stop an upload. */
const SILENCE_MS = 3_000
/** By then a node that was not reached has read in the rows that the upload has ended. */
const FOUND_OUT_MS = 2_500

/** The jobs of all nodes, as one of these sees them. */
export function createClusterTransfers(options: ClusterTransfersOptions): Transfers {
  const { local, dispatcher, leases, claims, peers, ledger, spool, log } = options
  /** False: it did not answer. */
  async function askToStop(
    node: NodeAddress,
    uploadId: string,
    reason: AppError,
  ): Promise<boolean> {
    const body = { uploadId, isCancelled: reason.code === 'UPLOAD_CANCELLED' }
    const { signal } = new AbortController()
    try {
      await peers.ask(node, { kind: 'stop', body }, { signal, silenceMs: SILENCE_MS })
      return true
    } catch (err) {
      log.debug({ node, uploadId, err }, 'another node could not be asked to stop an upload')
      return false
    }
  }

  return {
    chunkArrived: (upload, index) => {
      const { id: uploadId, chunkSize } = upload
      if (local.add(uploadId, { index, chunkSize })) return
      dispatcher.wanted(upload, { uploadId, chunkSize, chunks: [index], look: false })
    },
    sealed: (upload) => {
      const { id: uploadId, chunkSize } = upload
      if (local.carries(uploadId)) local.sealed(upload)
      else dispatcher.wanted(upload, { uploadId, chunkSize, chunks: [], look: true })
    },
    stop: async (uploadId, reason) => {
      await dispatcher.stopHere(uploadId, reason)
      const carrier = await claims.carrierOf(uploadId)
      // Of an upload that has ended, or is just being claimed, it is not written down who carries it.
      const nodes = carrier === null ? await leases.nodes() : [carrier]
      const others = nodes.filter((node) => node !== leases.self)
      const heard = await Promise.all(others.map((node) => askToStop(node, uploadId, reason)))
      if (carrier === null && !heard.every(Boolean)) await sleep(FOUND_OUT_MS)
    },
    // The dispatcher looks for what can go on.
    resume: async () => {},
    isActive: local.isActive,
    has: async (uploadId, offset, length) => {
      if (local.carries(uploadId)) return local.has(uploadId, offset, length)
      const upload = await ledger.findUpload(uploadId)
      if (upload === null) return false
      const file = createArrivingFile(upload, spool)
      file.load(upload, await ledger.chunks(uploadId))
      return file.has(offset, length)
    },
    idle: local.idle,
  }
}
