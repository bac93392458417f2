import { KiB, MiB } from '../../lib/units.ts'
import { badRequest } from '../../rpc-error.ts'

export interface FileRange {
  offset: number
  limit: number
  precise: boolean
}

/**
 * The rules of a part (https://core.telegram.org/api/files#downloading-files): aligned to 4 KB,
 * or to 1 KB with `precise`; 1 MB divisible by the limit, or with `precise` at most 1 MB; and
 * always within one 1 MB block of the file.
 */
export function checkRange({ offset, limit, precise }: FileRange): void {
  const unit = precise ? KiB : 4 * KiB
  if (offset < 0 || offset % unit !== 0) throw badRequest('OFFSET_INVALID')
  if (limit <= 0 || limit > MiB || limit % unit !== 0) throw badRequest('LIMIT_INVALID')
  if (!precise && MiB % limit !== 0) throw badRequest('LIMIT_INVALID')
  if (Math.floor(offset / MiB) !== Math.floor((offset + limit - 1) / MiB))
    throw badRequest('LIMIT_INVALID')
}
