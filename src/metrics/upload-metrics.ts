import type { UploadMetrics } from '../core/ports/metrics.ts'
import type { Road } from '../core/ports/records.ts'
import type { Instruments } from './instruments.ts'

/** Counts uploads as they end, each with the road of its last attempt. */
export interface CountedUploads extends UploadMetrics {
  noteRoad: (uploadId: string, road: Road) => void
}

export function createUploadMetrics({
  uploads,
  uploadSeconds,
  bytes,
}: Pick<Instruments, 'uploads' | 'uploadSeconds' | 'bytes'>): CountedUploads {
  const roads = new Map<string, Road>()

  return {
    noteRoad: (uploadId, road) => void roads.set(uploadId, road),
    received: (size) => bytes.inc({ direction: 'received' }, size),
    ended: ({ uploadId, outcome, seconds }) => {
      uploads.inc({ outcome, road: roads.get(uploadId) ?? 'none' })
      roads.delete(uploadId)
      if (seconds !== undefined) uploadSeconds.observe(Math.max(0, seconds))
    },
  }
}
