import { expect, test } from 'vitest'
import { parsePartHead } from '../../../../src/http/bodies/form/part-head.ts'

/** A head as it stands behind a boundary, of bytes that are given in latin1. */
function head(...lines: string[]): Buffer {
  return Buffer.from(['', ...lines].join('\r\n'), 'latin1')
}

/** UTF-8 as it stands in a head. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

function fileNameOf(parameters: string): string | null | undefined {
  return parsePartHead(head(`Content-Disposition: form-data; name=file; ${parameters}`))?.fileName
}

test.each([
  // Plain, quoted or not.
  ['filename=a.txt', 'a.txt'],
  ['filename="a b; c.txt"', 'a b; c.txt'],
  ['FileName = "a.txt"', 'a.txt'],
  [`filename="${utf8('отчёт 📄.txt')}"`, 'отчёт 📄.txt'],
  ['filename="caf\xe9.txt"', 'café.txt'],
  [`filename=${utf8('отчёт.txt')}`, 'отчёт.txt'],
  // What browsers escape, and what others do.
  ['filename="say %22hi%22.txt"', 'say "hi".txt'],
  ['filename="say \\"hi\\".txt"', 'say "hi".txt'],
  ['filename="two%0D%0Alines.txt"', 'two\r\nlines.txt'],
  ['filename="100%.txt"', '100%.txt'],
  ['filename="50%20off.txt"', '50%20off.txt'],
  // Folders.
  ['filename="C:\\Users\\ann\\a.txt"', 'a.txt'],
  ['filename="C:\\\\Users\\\\a.txt"', 'a.txt'],
  ['filename="/etc/../a.txt"', 'a.txt'],
  ["filename*=utf-8''..%2F..%5Ca.txt", 'a.txt'],
  ['filename=""', null],
  ['filename=".."', null],
  ['filename="a/"', null],
  // filename* wins, wherever it stands.
  ['filename="a.txt"; filename*=utf-8\'\'%D0%B0.txt', 'а.txt'],
  ['filename*=UTF-8\'ru\'%D0%B0.txt; filename="a.txt"', 'а.txt'],
  ["filename*=iso-8859-1''caf%E9.txt", 'café.txt'],
  ["filename*=windows-1251''%F4.txt", 'ф.txt'],
  ["filename*=utf-8''100%25%20sure.txt", '100% sure.txt'],
  ["filename*=utf-8''say%20%22hi%22.txt", 'say "hi".txt'],
  ["filename*=utf-8''it's.txt", "it's.txt"],
  // Unless it is wrong.
  ['filename="a.txt"; filename*=utf-8\'\'%zz.txt', 'a.txt'],
  ['filename="a.txt"; filename*=utf-8\'\'%E9.txt', 'a.txt'],
  ['filename="a.txt"; filename*=klingon\'\'b.txt', 'a.txt'],
  ['filename="a.txt"; filename*=b.txt', 'a.txt'],
  ["filename*=utf-8''100%.txt", '100%.txt'],
  ['filename*=b.txt', 'b.txt'],
  // Continuations of RFC 2231.
  ['filename*0="a long "; filename*1="name.txt"', 'a long name.txt'],
  ['filename*0*=utf-8\'\'%D0%B0; filename*1*=%D0%B1; filename*2=".txt"', 'аб.txt'],
  // In the middle of a letter, and out of order.
  ["filename*1*=%B0.txt; filename*0*=utf-8''%D0", 'а.txt'],
  ['filename*0="100%41"; filename*1=".txt"', '100%41.txt'],
  [`filename*0="${utf8('отчёт')}"; filename*1=".txt"`, 'отчёт.txt'],
  ['filename="a.txt"; filename*0="b"; filename*1=".txt"', 'b.txt'],
  ['filename="a.txt"; filename*1="b.txt"', 'a.txt'],
  ["filename*0*=iso-8859-1''caf; filename*1*=%E9.txt", 'café.txt'],
  // The encoded words of RFC 2047.
  ['filename="=?utf-8?B?0KDQsC5kb2N4?="', 'Ра.docx'],
  ['filename="=?UTF-8?q?=D0=B0_b.txt?="', 'а b.txt'],
  ['filename="=?iso-8859-1?Q?caf=E9.txt?="', 'café.txt'],
  ['filename="=?utf-8?B?0KA=?= =?utf-8?B?0LAuZG9jeA==?="', 'Ра.docx'],
  ['filename="=?klingon?B?0KA=?="', '=?klingon?B?0KA=?='],
  ['filename="=?a?.txt"', '=?a?.txt'],
  ['filename="=?utf-8?B?0KDQsC5kb2N4?="; filename*=utf-8\'\'%D0%B0.docx', 'а.docx'],
])('%s names %j', (parameters, expected) => {
  expect(fileNameOf(parameters)).toBe(expected)
})

test.each([
  ['name="file"; filename="a"', { name: 'file', isFile: true, type: null }],
  ['name=file; filename=""', { isFile: true, fileName: null }],
  ["name=file; filename*=utf-8''", { isFile: true, fileName: null }],
  ['name="fileName"', { name: 'fileName', isFile: false, fileName: null }],
  [`name="${utf8('имя')}"`, { name: 'имя', isFile: false }],
  ['name="a%22b"', { name: 'a"b' }],
])('a part with %s has its name and type', (parameters, expected) => {
  expect(parsePartHead(head(`Content-Disposition: form-data; ${parameters}`))).toMatchObject(
    expected,
  )
})

test('a part of the type application/octet-stream is a file without a name', () => {
  const disposition = 'Content-Disposition: Form-Data; name="chunk"'
  const type = 'Application/Octet-Stream; x=y'

  expect(parsePartHead(head(disposition, `content-TYPE:${type}`))).toEqual({
    name: 'chunk',
    isFile: true,
    fileName: null,
    type,
  })
})

test('lines may be folded, and the boundary may have spaces behind it', () => {
  const bytes = Buffer.from(
    '  \t\r\nX-Other: 1\r\nContent-Disposition: form-data;\r\n name="file";\r\n\tfilename="a.txt"',
  )

  expect(parsePartHead(bytes)).toMatchObject({ name: 'file', fileName: 'a.txt' })
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['no disposition', head('Content-Type: text/plain')],
  ['another disposition', head('Content-Disposition: attachment; name="file"')],
  ['no name', head('Content-Disposition: form-data; filename="a"')],
  ['an empty name', head('Content-Disposition: form-data; name=""')],
  ['a line that is no header', head('Content-Disposition: form-data; name="a"', 'hello')],
  ['a bare line end', head('Content-Disposition: form-data; name="a"; filename="b\nX: 1"')],
  ['more behind the boundary', Buffer.from('x\r\nContent-Disposition: form-data; name="a"')],
])('a head with %s is malformed', (_name, bytes) => {
  expect(parsePartHead(bytes)).toBeNull()
})
