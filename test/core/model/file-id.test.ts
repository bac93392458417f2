import { parseFileId } from '@mtcute/file-id'
import { expect, test } from 'vitest'
import { documentFileId } from '../../../src/core/model/file-id.ts'

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
  },
)

test('more zeros than a byte can count are read back', () => {
  const reference = Buffer.alloc(700)

  const parsed = parseFileId(
    documentFileId({ ...document, fileReference: reference.toString('base64') }),
  )

  expect(Buffer.from(parsed.fileReference ?? [])).toEqual(reference)
})

function longsOf(location: object): string[] {
  return ['id', 'accessHash'].map((name) => String(Reflect.get(location, name)))
}
