import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { PostedVolume } from '../../../../src/core/ports/volumes.ts'
import {
  createVolumesDigests,
  digestsOfWhole,
} from '../../../../src/core/transfers/volumes/volume-digests.ts'
import { createRandom } from '../../../chaos/random.ts'

const SIZE = 100_000
const VOLUME = 30_000
const bytes = randomBytes(SIZE)
const PIECES = [0, 1, 2, 3].map((at) => bytes.subarray(at * VOLUME, (at + 1) * VOLUME))
const sha256 = createHash('sha256').update(bytes).digest('hex')
const native = true

test.each([7_000, 30_000, 45_000, 100_000])(
  'reads of %i bytes, in any order, feed the digests of volumes and of the whole',
  async (length) => {
    const file = fakeFile()
    const digests = await createVolumesDigests(file, { volumeBytes: VOLUME, posted: [], native })
    const random = createRandom(length)
    const offsets = Array.from({ length: Math.ceil(SIZE / length) }, (_, at) => at * length)
    const order = offsets.toSorted(() => random.whole(-1, 1))
    await Promise.all(
      order.map((offset) => digests.read(offset, Buffer.alloc(Math.min(length, SIZE - offset)))),
    )

    for (const [index, piece] of PIECES.entries()) {
      const isLast = index === PIECES.length - 1
      expect(await digests.of(index + 1)).toMatchObject({
        crc32: crcOf(piece),
        wholeSha256: isLast ? sha256 : null,
      })
    }
  },
)

test('the hash goes on behind volumes whose bytes are gone', async () => {
  const posted: PostedVolume[] = []
  for (const [index, piece] of PIECES.entries()) {
    // Each volume by a process of its own, which has the bytes of no other.
    const file = fakeFile(index * VOLUME, index * VOLUME + piece.length)
    const digests = await createVolumesDigests(file, { volumeBytes: VOLUME, posted, native })
    const { crc32, hashState } = await digests.of(index + 1)
    const ids = { messageId: index, documentId: null, fileId: null }
    posted.push({ number: index + 1, ...ids, size: piece.length, crc32, hashState })
  }

  expect(await digestsOfWhole(posted, { native })).toEqual({ sha256, crc32: crcOf(bytes) })
})

test('a volume that is not here has no digests', async () => {
  const file = fakeFile(0, VOLUME)
  const digests = await createVolumesDigests(file, { volumeBytes: VOLUME, posted: [], native })

  await expect(digests.of(2)).rejects.toThrow('not whole')
})

/** A file of which these bytes are here. */
function fakeFile(from = 0, to = SIZE) {
  return {
    size: SIZE,
    has: (offset: number, length: number) => offset >= from && offset + length <= to,
    read: async (offset: number, target: Uint8Array) => {
      if (offset < from || offset + target.length > to) throw new Error('these bytes are gone')
      target.set(bytes.subarray(offset, offset + target.length))
    },
  }
}

function crcOf(piece: Uint8Array): string {
  return crc32(piece).toString(16).padStart(8, '0')
}
