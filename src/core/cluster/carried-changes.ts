import type { CarriedUpload } from '../ports/cluster/transfer-claims.ts'

/** What the job of an upload knows of it. */
export interface KnownUpload {
  chunks: number
  isSealed: boolean
}

/**
 * | change | means |
 * |---|---|
 * | `none` | the job knows all that its upload's row says |
 * | `reload` | there are chunks that it does not know, or the upload was sealed |
 * | `lost` | another node carries the upload |
 * | `cancelled`, `gone` | the upload is not to be carried any more |
 */
export type CarriedChange = 'none' | 'reload' | 'lost' | 'cancelled' | 'gone'

/** What a row says to the job that carries its upload here; null: there is no such row. */
export function changeOf(known: KnownUpload, row: CarriedUpload | null): CarriedChange {
  if (row === null) return 'gone'
  if (!row.isMine) return 'lost'
  switch (row.state) {
    case 'cancelled':
      return 'cancelled'
    case 'completed':
    case 'failed':
      // So the job itself has ended it, and is about to say so.
      return 'none'
    case 'receiving':
    case 'sealed': {
      const isNews = row.chunkCount > known.chunks || (row.state === 'sealed' && !known.isSealed)
      return isNews ? 'reload' : 'none'
    }
  }
}
