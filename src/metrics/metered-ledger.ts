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

  function ended(id: string, outcome: 'completed' | 'failed' | 'cancelled'): void {
    uploads.inc({ outcome, road: roads.get(id) ?? 'none' })
    roads.delete(id)
  }

  return {
    noteRoad: (uploadId, road) => roads.set(uploadId, road),
    ledger: {
      ...ledger,
      insertChunk: (uploadId, chunk, chunkSize, now) => {
        ledger.insertChunk(uploadId, chunk, chunkSize, now)
        bytes.inc({ direction: 'received' }, chunk.size)
      },
      completeUpload: (id, result, webhook, now) => {
        const before = ledger.findUpload(id)
        ledger.completeUpload(id, result, webhook, now)
        if (before) uploadSeconds.observe(Math.max(0, now - before.touchedAt) / 1000)
        ended(id, 'completed')
      },
      failUpload: (id, reason, now) => {
        ledger.failUpload(id, reason, now)
        ended(id, 'failed')
      },
      deleteUpload: (id) => {
        const state = ledger.findUpload(id)?.state
        ledger.deleteUpload(id)
        if (state === 'receiving' || state === 'sealed') ended(id, 'cancelled')
      },
    },
  }
}
