import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assertThumbnail, MAX_THUMBNAIL_BYTES } from '../../../src/core/model/thumbnail.ts'
import { AppError } from '../../../src/errors.ts'
import { EOI, frame, JFIF, makePicture, SOI, scan, segment, TABLES } from '../../helpers/jpeg.ts'

const jpegOf = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat([SOI, ...parts, EOI])
const FRAME = frame(320, 180)
const BASE = makePicture().length

test.each([
  ['of the largest size', makePicture(320, 320)],
  ['of one pixel', makePicture(1, 1)],
  ['of the most bytes', makePicture(320, 320, MAX_THUMBNAIL_BYTES - BASE + 100)],
  ['without JFIF', jpegOf(TABLES, FRAME, scan())],
  ['that is progressive, with several scans', jpegOf(JFIF, frame(320, 180, 0xc2), scan(), scan())],
  ['in grey', jpegOf(JFIF, segment(0xc0, Buffer.from('0800b4014001011100', 'hex')), scan())],
  [
    'with Adobe’s note of its colours',
    jpegOf(segment(0xee, Buffer.from('41646f626500640000000001', 'hex')), FRAME, scan()),
  ],
  ['with fill bytes before a marker', jpegOf(Buffer.from('ffff', 'hex'), TABLES, FRAME, scan())],
  ['with restarts', jpegOf(segment(0xdd, Buffer.from([0, 4])), FRAME, scan())],
])('a JPEG %s is a thumbnail', (_name, jpeg) => {
  expect(() => assertThumbnail(jpeg)).not.toThrow()
})

test.each([
  ['nothing', Buffer.alloc(0), 'is not a JPEG'],
  ['a PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'is not a JPEG'],
  ['a text', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'is not a JPEG'],
  ['its first two bytes', SOI, 'without its end'],
  ['a JPEG of 321 pixels', makePicture(321, 10), 'has 321 x 10 pixels'],
  ['a bomb of 60,000 x 60,000', makePicture(60_000, 60_000), 'has 60000 x 60000 pixels'],
  ['one without a height, which comes later', makePicture(320, 0), 'is not a JPEG'],
  [
    'one of 200 KB and a byte',
    makePicture(320, 320, MAX_THUMBNAIL_BYTES - BASE + 101),
    'is larger',
  ],
  ['one with EXIF', jpegOf(JFIF, segment(0xe1, 'Exif\0\0MM\0*'), FRAME, scan()), 'has metadata'],
  ['one with EXIF behind its scan', jpegOf(JFIF, FRAME, scan(), segment(0xe1, 'Exif')), 'metadata'],
  [
    'one with XMP',
    jpegOf(segment(0xe1, 'http://ns.adobe.com/xap/1.0/\0'), FRAME, scan()),
    'metadata',
  ],
  ['one with a profile', jpegOf(segment(0xe2, 'ICC_PROFILE\0'), FRAME, scan()), 'has metadata'],
  ['one with IPTC', jpegOf(segment(0xed, 'Photoshop 3.0\0'), FRAME, scan()), 'has metadata'],
  ['one with a comment', jpegOf(JFIF, segment(0xfe, '52.5, 13.4'), FRAME, scan()), 'has metadata'],
  ['one with EXIF in place of JFIF', jpegOf(segment(0xe0, 'Exif\0\0'), FRAME, scan()), 'metadata'],
  [
    'one with a picture inside of JFIF',
    jpegOf(segment(0xe0, `JFIF\0${'\0'.repeat(12)}`), FRAME, scan()),
    'metadata',
  ],
  [
    'one with bytes behind its end',
    Buffer.concat([makePicture(), Buffer.from('PK')]),
    'has bytes behind',
  ],
  ['two in a row', Buffer.concat([makePicture(), makePicture()]), 'has bytes behind its end'],
  ['one without a frame', jpegOf(JFIF, scan()), 'is not a JPEG'],
  ['one with two frames', jpegOf(FRAME, frame(9, 9), scan()), 'is not a JPEG'],
  ['one without a scan', jpegOf(JFIF, FRAME), 'is not a JPEG'],
  ['one that is lossless', jpegOf(frame(9, 9, 0xc3), scan()), 'is not a JPEG'],
  [
    'one with a segment of no length',
    jpegOf(Buffer.from('ffdb0000', 'hex'), FRAME, scan()),
    'is not a JPEG',
  ],
  [
    'one in four colours',
    jpegOf(segment(0xc0, Buffer.from('0800b4014004011100021100031100041100', 'hex')), scan()),
    'in colour or in grey',
  ],
])('%s is refused as a thumbnail', (_name, bytes, sentence) => {
  const refusal = refusalOf(bytes)

  expect(refusal).toMatchObject({
    code: 'INVALID_REQUEST',
    details: { field: 'thumbnail' },
    message: expect.stringMatching(new RegExp(`^thumbnail: .*${sentence}`)),
  })
})

test('no JPEG that lacks its end is a thumbnail, wherever it is cut', () => {
  const whole = makePicture()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      expect(refusalOf(whole.subarray(0, length))).not.toBeNull()
    }),
  )
})

test('whatever bytes come, the answer is yes or a refusal, soon', () => {
  const around = (bytes: Uint8Array): Buffer => jpegOf(TABLES, FRAME, scan(), bytes)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      refusalOf(bytes)
      refusalOf(around(bytes))
      refusalOf(Buffer.concat([SOI, bytes]))
    }),
  )
})

test('a byte that is put in before the frame never lets metadata pass', () => {
  const marker = fc.constantFrom(0xe1, 0xe2, 0xe3, 0xe7, 0xec, 0xed, 0xef, 0xfe)
  fc.assert(
    fc.property(
      marker,
      fc.uint8Array({ maxLength: 500 }),
      fc.integer({ min: 0, max: 3 }),
      (app, body, at) => {
        const parts = [JFIF, TABLES, FRAME, scan()]
        parts.splice(at, 0, segment(app, body))
        expect(refusalOf(jpegOf(...parts))).not.toBeNull()
      },
    ),
  )
})

test('of two sizes only those within 320 x 320 are taken', () => {
  const side = fc.integer({ min: 1, max: 65_535 })
  fc.assert(
    fc.property(side, side, (width, height) => {
      const fits = width <= 320 && height <= 320
      expect(refusalOf(makePicture(width, height)) === null).toBe(fits)
    }),
  )
})

function refusalOf(bytes: Uint8Array): AppError | null {
  try {
    assertThumbnail(bytes)
    return null
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}
