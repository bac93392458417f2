import { expect, test } from 'vitest'
import { decodeCaption } from '../../../../src/core/model/caption.ts'
import { manifestCaption, volumeCaption } from '../../../../src/core/model/volumes/captions.ts'

const FILE = { id: 'a'.repeat(32), name: 'film.mp4', folderId: 'b'.repeat(32), modifiedAt: 1000 }
const SHA256 = 'c'.repeat(64)

test('a volume tells its place and its own CRC-32, and the last one the digest of the file', () => {
  const first = volumeCaption(FILE, { number: 1, of: 2, crc32: '00000001', wholeSha256: null })
  const last = volumeCaption(FILE, { number: 2, of: 2, crc32: '00000002', wholeSha256: SHA256 })

  expect(decodeCaption(first, null)).toEqual({
    ...{ ...FILE, kind: { volume: 1, of: 2 }, sha256: null, crc32: '00000001' },
  })
  expect(decodeCaption(last, null)).toMatchObject({
    ...{ kind: { volume: 2, of: 2 }, sha256: null, wholeSha256: SHA256, crc32: '00000002' },
  })
})

test('a manifest tells name, folder, time and digests of the file', () => {
  const caption = manifestCaption(FILE, { sha256: SHA256, crc32: '00000003' })

  expect(decodeCaption(caption, null)).toEqual({
    ...{ ...FILE, kind: 'manifest', sha256: SHA256, crc32: '00000003' },
  })
})
