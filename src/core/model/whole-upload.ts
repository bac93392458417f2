import type { Upload } from '../ports/records.ts'

const SUFFIX = '-whole'
/** No client's own ids look like this. */
const MADE_HERE = /^\d+_[\w-]{22}-whole$/

/** The id of an upload that comes in one request: made of a random one, and told at its end. */
export function wholeUploadId(random: string): string {
  return `${random}${SUFFIX}`
}

/**
 * Whether a dead process has left this upload in the middle of its one request. Nobody has learnt
 * its id, so nobody comes back to it: whoever sent it begins anew.
 */
export function isAbandonedWhole({ id, state, totalChunks }: Upload): boolean {
  return state === 'receiving' && totalChunks === 1 && MADE_HERE.test(id)
}
