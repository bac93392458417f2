import type { Ledger } from '../core/ports/ledger.ts'
import type { Road } from '../core/ports/records.ts'
import type { Instruments } from './instruments.ts'

export interface MeteredLedger<L extends Ledger> {
  ledger: L
  /** Notes the road an upload takes, for when it ends. */
  noteRoad: (uploadId: string, road: Road) => void
}

/**
 * A ledger that counts uploads as they end: a row's last change is the one moment at which an
 * outcome is certain.
 */
export function meterLedger<L extends Ledger>(
  ledger: L,
  { uploads, uploadSeconds, bytes }: Instruments,
): MeteredLedger<L> {
  const roads = new Map<string, Road>()

  function ended(id: string, outcome: 'completed' | 'failed' | 'cancelled' | 'abandoned'): void {
    uploads.inc({ outcome, road: roads.get(id) ?? 'none' })
    roads.delete(id)
  }

  async function isUnfinished(id: string): Promise<boolean> {
    const state = (await ledger.findUpload(id))?.state
    return state === 'receiving' || state === 'sealed'
  }

  return {
    noteRoad: (uploadId, road) => roads.set(uploadId, road),
    ledger: {
      ...ledger,
      acceptChunk: async (uploadId, chunk, chunkSize, now) => {
        const accepted = await ledger.acceptChunk(uploadId, chunk, chunkSize, now)
        if (accepted.kind === 'accepted') bytes.inc({ direction: 'received' }, chunk.size)
        return accepted
      },
      completeUpload: async (id, result, webhook, now) => {
        const before = await ledger.findUpload(id)
        await ledger.completeUpload(id, result, webhook, now)
        if (before) uploadSeconds.observe(Math.max(0, now - before.touchedAt) / 1000)
        ended(id, 'completed')
      },
      failUpload: async (id, failure) => {
        await ledger.failUpload(id, failure)
        ended(id, 'failed')
      },
      cancelUpload: async (id, cancelled, keep) => {
        const unfinished = await isUnfinished(id)
        await ledger.cancelUpload(id, cancelled, keep)
        if (unfinished) ended(id, 'cancelled')
      },
      deleteUpload: async (id) => {
        const unfinished = await isUnfinished(id)
        await ledger.deleteUpload(id)
        // Expired, or its client broke off before it could learn the id.
        if (unfinished) ended(id, 'abandoned')
      },
    },
  }
}
