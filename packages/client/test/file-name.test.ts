import { expect, test } from 'vitest'
import { fileNameIn } from '../src/file-name.ts'

test.each([
  ['attachment', null],
  ['attachment; filename="a b.txt"', 'a b.txt'],
  ['attachment; filename=plain.txt', 'plain.txt'],
  ['inline; filename="a \\"b\\".txt"', 'a "b".txt'],
  [`inline; filename="Gr??e.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt`, 'Grüße.txt'],
  [`inline; filename="kept.txt"; filename*=UTF-8''%FF`, 'kept.txt'],
])('the name in %s is %s', (header, name) => {
  expect(fileNameIn(header)).toBe(name)
})
