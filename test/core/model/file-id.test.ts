import { parseFileId, toFileId } from '@mtcute/file-id'
import { expect, test } from 'vitest'
import { documentFileId, documentIdIn } from '../../../src/core/model/file-id.ts'

const document = {
  id: '5_188_811_335_468_290_304'.replaceAll('_', ''),
  accessHash: '-6214310562518034287',
  dcId: 4,
  fileReference: Buffer.from('0000000001aabb00cc', 'hex').toString('base64'),
}

test('a file_id is the one that Bot API clients write', () => {
  expect(documentFileId(document)).toBe('BQACAgQAAwkABAGquwABzAADkRsJa1wCSJGYJ913VcKpOgQ')
})

test.each([0, 1, 2, 3, 4, 25, 100, 253, 254, 255, 256, 600])(
  'a file_id with a file reference of %s bytes is read as the document that it names',
  (length) => {
    const reference = Buffer.from(Array.from({ length }, (_, at) => (at % 3) * 7))
    const id = documentFileId({ ...document, fileReference: reference.toString('base64') })

    const parsed = parseFileId(id)

    expect(parsed).toMatchObject({ type: 5, dcId: 4, location: { _: 'common' } })
    expect(Buffer.from(parsed.fileReference ?? []).equals(reference)).toBe(true)
    expect(longsOf(parsed.location)).toEqual([document.id, document.accessHash])
    expect(documentIdIn(id)).toBe(document.id)
  },
)

test('more zeros than a byte can count are read back', () => {
  const reference = Buffer.alloc(700)

  const parsed = parseFileId(
    documentFileId({ ...document, fileReference: reference.toString('base64') }),
  )

  expect(Buffer.from(parsed.fileReference ?? [])).toEqual(reference)
})

test.each([
  ['a document without a file reference', { fileReference: null }, document.id],
  ['a video', { type: 4 }, document.id],
  ['a photo', { type: 2 }, null],
] as const)('the id in a file_id of %s', (_, changes, expected) => {
  const fileId = toFileId({ ...parseFileId(documentFileId(document)), ...changes })

  expect(documentIdIn(fileId)).toBe(expected)
})

test.each([
  ['', 'an empty text'],
  ['file-1', 'no file_id'],
  ['BA', 'a version alone'],
  ['BQACAgQAAwkABAGquwAEOgQ', 'a file_id that is cut'],
  ['BQACAv___________________zoE', 'a length beyond the end'],
])('%j names no document: it is %s', (text) => {
  expect(documentIdIn(text)).toBeNull()
})

function longsOf(location: object): string[] {
  return ['id', 'accessHash'].map((name) => String(Reflect.get(location, name)))
}
