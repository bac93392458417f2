import type { Digests } from '../../ports/records.ts'
import { encodeCaption } from '../caption.ts'

/** The file of which a post is a part, as all its posts say it. */
export interface DescribedFile {
  /** The id of all its posts. */
  readonly id: string
  readonly name: string
  /** The folder in which the file lies; null: the root. */
  readonly folderId: string | null
  readonly modifiedAt: number | null
}

/**
 * The caption of a volume. Its `crc32` is that of the volume's own bytes. `wholeSha256` is that of the
 * whole file, which the last volume alone can tell: by it a lost manifest is made anew.
 */
export function volumeCaption(
  file: DescribedFile,
  volume: { number: number; of: number; crc32: string; wholeSha256: string | null },
): string {
  const { number, of, crc32, wholeSha256 } = volume
  const whole = wholeSha256 === null ? {} : { wholeSha256 }
  const kind = { volume: number, of }
  return encodeCaption({ ...described(file), kind, sha256: null, crc32, ...whole })
}

/** The caption of a manifest, with the digests of the whole file. */
export function manifestCaption(file: DescribedFile, { sha256, crc32 }: Digests): string {
  return encodeCaption({ ...described(file), kind: 'manifest', sha256, crc32 })
}

function described({ id, name, folderId, modifiedAt }: DescribedFile): DescribedFile {
  return { id, name, folderId, modifiedAt }
}
