import { createHash } from 'node:crypto'
import type { Telegram } from '../../context.ts'
import { UNIT } from '../../faults/counters.ts'
import { MiB } from '../../lib/units.ts'
import type { Document } from '../../store/documents.ts'
import type { TlObject } from '../../types.ts'

/** SHA-256 of each 128 KB of the 1 MB block around `offset` (https://core.telegram.org/api/files#verifying-downloaded-chunks). */
export async function fileHashes(
  telegram: Telegram,
  document: Document,
  offset: number,
): Promise<TlObject[]> {
  const start = Math.floor(offset / MiB) * MiB
  const block = await telegram.files.read(document.id, start, MiB)
  const hashes: TlObject[] = []
  for (let at = 0; at < block.length; at += UNIT) {
    const unit = block.subarray(at, at + UNIT)
    hashes.push({
      _: 'fileHash',
      offset: BigInt(start + at),
      limit: unit.length,
      hash: createHash('sha256').update(unit).digest(),
    })
  }
  return hashes
}
