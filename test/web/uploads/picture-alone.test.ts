import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assertThumbnail } from '../../../src/core/model/thumbnail.ts'
import { pictureAlone } from '../../../src/web/uploads/thumbnail/picture-alone.ts'
import { EOI, frame, JFIF, makePicture, SOI, scan, segment, TABLES } from '../../helpers/jpeg.ts'

test('a picture without notes stays as it is', () => {
  const jpeg = makePicture()

  expect(pictureAlone(jpeg)).toEqual(Uint8Array.from(jpeg))
})

test('whatever programs write into a picture, the worker takes what is left', () => {
  const marker = fc.constantFrom(0xe0, 0xe1, 0xe2, 0xed, 0xee, 0xef, 0xfe)
  const body = fc.uint8Array({ maxLength: 200 }).filter(({ length }) => length !== 14)
  const notes = fc.array(fc.tuple(marker, body, fc.integer({ min: 0, max: 3 })), { maxLength: 5 })
  fc.assert(
    fc.property(notes, (written) => {
      const parts = [JFIF, TABLES, frame(320, 180), scan()]
      for (const [app, bytes, at] of written) parts.splice(at, 0, segment(app, bytes))
      const jpeg = Buffer.concat([SOI, ...parts, EOI])

      const alone = pictureAlone(jpeg)

      expect(Buffer.from(alone ?? []).equals(makePicture())).toBe(true)
      expect(() => assertThumbnail(alone ?? new Uint8Array())).not.toThrow()
    }),
  )
})

test('what is no JPEG is none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(pictureAlone(bytes)).toBeNull()
      expect(pictureAlone(Buffer.concat([SOI, TABLES.subarray(0, 30)]))).toBeNull()
    }),
  )
})
