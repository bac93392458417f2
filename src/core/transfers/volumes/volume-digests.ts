import { crc32 } from 'node:zlib'
import { createResumableSha256 } from '../../../lib/hashing/resumable-sha256.ts'
import { combineCrc32 } from '../../model/volumes/crc32-combine.ts'
import { countVolumes, volumeAt } from '../../model/volumes/plan.ts'
import type { Digests } from '../../ports/records.ts'
import type { OutgoingFile } from '../../ports/telegram.ts'
import type { PostedVolume } from '../../ports/volumes.ts'
import type { HashingOptions } from '../file-digests.ts'
import { createOrderedReader } from '../ordered-reader.ts'

/** What is known of a volume once it is hashed. */
export interface VolumeDigests extends Pick<PostedVolume, 'crc32' | 'hashState'> {
  /** Of the whole file; null until the last volume. */
  readonly wholeSha256: string | null
}

/** A file whose readers feed the digests of its volumes, and one of the whole over all of them. */
export interface VolumesDigests {
  /** Reads as the file does. Bytes that are next in order are hashed before it resolves. */
  read: OutgoingFile['read']
  /**
   * Of a volume that is here, as all before it are: reads once more what was not hashed yet. Asked for in
   * order: those of the volume before are forgotten. Rejects as `read` does.
   */
  of: (number: number) => Promise<VolumeDigests>
}

export interface VolumesHashing extends HashingOptions {
  volumeBytes: number
  /** Those that are in Telegram. */
  posted: readonly PostedVolume[]
}

/**
 * The hash of the whole goes on behind the volumes that are posted, whose bytes are gone, from the state
 * that was kept with the last of them. Rejects where that is none.
 */
export async function createVolumesDigests(
  file: Pick<OutgoingFile, 'size' | 'has' | 'read'>,
  { volumeBytes, posted, native }: VolumesHashing,
): Promise<VolumesDigests> {
  const cut = { size: file.size, volumeBytes }
  const last = countVolumes(cut)
  const sha256 = await createResumableSha256(posted.at(-1)?.hashState ?? null, { native })
  const done = new Map<number, VolumeDigests>()
  let number = posted.length + 1
  let left = volumeAt(cut, number).length
  let crc = 0

  /** Of the bytes of one volume. */
  function hash(bytes: Uint8Array): void {
    sha256.update(bytes)
    crc = crc32(bytes, crc)
    left -= bytes.length
    if (left > 0) return
    const wholeSha256 = number === last ? sha256.digest() : null
    done.set(number, { crc32: hexOfCrc32(crc), hashState: sha256.export(), wholeSha256 })
    number++
    left = volumeAt(cut, number).length
    crc = 0
  }

  const reader = createOrderedReader(file, {
    from: volumeAt(cut, number).start,
    onBytes: (bytes) => {
      let rest = bytes
      while (rest.length > left) {
        const border = left
        hash(rest.subarray(0, border))
        rest = rest.subarray(border)
      }
      hash(rest)
    },
  })

  return {
    read: reader.read,
    of: async (wanted) => {
      const { start, length } = volumeAt(cut, wanted)
      await reader.reach(start + length)
      const digests = done.get(wanted)
      if (!digests) throw new Error('a volume that is not whole has no digests')
      done.delete(wanted - 1)
      return digests
    },
  }
}

/** Of a file, by those of its volumes, which are all posted. Throws where the last has no whole state. */
export async function digestsOfWhole(
  volumes: readonly PostedVolume[],
  how: HashingOptions,
): Promise<Digests> {
  const { hashState = null } = volumes.at(-1) ?? {}
  const sha256 = (await createResumableSha256(hashState, how)).digest()
  const crc = volumes.reduce(
    (sum, volume) => combineCrc32(sum, Number.parseInt(volume.crc32, 16), volume.size),
    0,
  )
  return { sha256, crc32: hexOfCrc32(crc) }
}

/** As in ZIP, 8 digits. */
function hexOfCrc32(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
