import { createHash } from 'node:crypto'
import type { SpoolUpload } from '../../../src/core/ports/spool.ts'

/** An upload as spools know it: by default the first opening of its id. */
export function spoolUpload(id: string, opening = 1): SpoolUpload {
  const captionId = createHash('sha256').update(`${id} ${opening}`).digest('hex').slice(0, 32)
  return { id, captionId }
}
