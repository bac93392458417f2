import { describe, expect, test } from 'vitest'
import {
  CAPTION_UNITS,
  decodeCaption,
  encodeCaption,
  lineOfOurs,
  newCaptionId,
  type PostDescription,
} from '../../../src/core/model/caption.ts'

const ID = '000102030405060708090a0b0c0d0e0f'
const OTHER_ID = 'ffffffffffffffffffffffffffffffff'
const SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const nothing: PostDescription = {
  id: ID,
  kind: 'file',
  folderId: null,
  name: null,
  modifiedAt: null,
  sha256: null,
  crc32: null,
}
const full: PostDescription = {
  id: ID,
  kind: { volume: 16_384, of: 16_384 },
  folderId: OTHER_ID,
  name: 'a.bin',
  modifiedAt: 1_764_390_415_123,
  sha256: SHA256,
  crc32: '0000abcd',
}
const LINE = `#telestore v=1 id=${ID}`

test('a line has all fields in the order of the specification', () => {
  expect(encodeCaption(full)).toBe(
    `#telestore v=1 id=${ID} kind=volume-16384-of-16384 folder=${OTHER_ID} ` +
      `modified=2025-11-29T04:26:55.123Z sha256=${SHA256} crc32=0000abcd name=a%2Ebin`,
  )
})

test.each([
  ['a file of which only the name is known', { ...nothing, name: 'a.bin' }],
  ['a file of which nothing is known', nothing],
  ['a manifest', { ...nothing, kind: 'manifest' }],
  ['everything', full],
  ['the last volume', { ...full, sha256: null, wholeSha256: SHA256 }],
  ['the first moment that can be written', { ...nothing, modifiedAt: -62_167_219_200_000 }],
  ['the last one', { ...nothing, modifiedAt: 253_402_300_799_999 }],
] satisfies [string, PostDescription][])('%s is read as it was written', (_, description) => {
  expect(decodeCaption(encodeCaption(description), null)).toEqual(description)
})

test.each([8.64e15, -62_167_219_200_001, Number.NaN, Number.POSITIVE_INFINITY])(
  'the time %d, for which a year has no four digits, is left out',
  (modifiedAt) => {
    expect(encodeCaption({ ...nothing, modifiedAt })).toBe(encodeCaption(nothing))
  },
)

test.each([
  'holiday.mp4',
  'Ferien 2026 – Übersicht.pdf',
  'отчёт.docx',
  '文档.tar.gz',
  '\u202emp4.exe',
  'مستند.pdf',
  '👩‍👩‍👧‍👦.zip',
  'e\u0301 is not \u00e9',
  'a\r\nb\tc\0d\u2028e\u0085f',
  '100%.txt',
  '%41%zz%',
  '*** __a__ ~~b~~ ||c|| `d`',
  'name=x kind=manifest id=1',
  '#telestore v=1',
  ' spaces at both ends ',
  '../../etc/passwd',
  '"<>&\\',
  '*',
])('the name %j makes one line of plain ASCII and comes back', (name) => {
  const caption = encodeCaption({ ...full, name })

  expect(caption).toMatch(/^[\x20-\x7e]+$/)
  // Nothing that an app makes a link, a mention, a command or a format of.
  expect(caption.replace(/^.* name=/, '')).toMatch(/^[A-Za-z0-9%-]+$/)
  expect(decodeCaption(caption, 'document.bin')).toEqual({ ...full, name })
})

test('half a character becomes the replacement character', () => {
  const caption = encodeCaption({ ...nothing, name: 'a\ud800b.txt' })

  expect(decodeCaption(caption, null)?.name).toBe('a\ufffdb.txt')
})

test.each([
  ['85 letters of three bytes', `${'字'.repeat(84)}.gz`],
  ['255 bytes, all of them escaped', '.'.repeat(255)],
  ['255 letters', 'a'.repeat(255)],
])('with all other fields %s fit, as long as a name on a disk can be', (_, name) => {
  const caption = encodeCaption({ ...full, name })

  expect(decodeCaption(caption, null)?.name).toBe(name)
  expect(caption.length).toBeLessThanOrEqual(CAPTION_UNITS)
})

describe.each([
  ['10 KB of letters', `${'a'.repeat(10_000)}.tar.gz`, '…aaaaaaaaa.tar.gz'],
  ['10 KB of emoji', `${'👍'.repeat(2_500)}.mkv.001`, '…👍👍👍👍👍👍👍👍.mkv.001'],
  ['10 KB without an ending', '字'.repeat(3_400), `…${'字'.repeat(16)}`],
])('a name of %s', (_, name, ending) => {
  const caption = encodeCaption({ ...full, name })

  test('is cut within the limit, keeps its ending, and shows that it was cut', () => {
    const read = decodeCaption(caption, null)

    expect(caption.length).toBeLessThanOrEqual(CAPTION_UNITS)
    expect(caption.length).toBeGreaterThan(CAPTION_UNITS - 14)
    expect(read).toEqual({
      ...full,
      name: expect.stringMatching(new RegExp(`^.{50,}${ending}$`, 'u')),
    })
  })

  test('is whole where the document has it', () => {
    expect(decodeCaption(caption, name)?.name).toBe(name)
  })

  test('is not taken of a document that is named otherwise', () => {
    expect(decodeCaption(caption, 'other.tar.gz')?.name).toMatch(new RegExp(`${ending}$`, 'u'))
  })
})

test.each<[string, string]>([
  ['text before and after it', `Our trip\n${LINE} name=a\nwith friends`],
  ['words before it on its own line', `see: ${LINE} name=a`],
  ['words between its fields', `#telestore v=1 hello id=${ID} - name=a`],
  ['words behind it', `${LINE} name=a (the good one)`],
  ['several spaces and tabs', `  #telestore  v=1\tid=${ID}   name=a  `],
  ['fields in another order', `#telestore name=a id=${ID} v=1`],
  ['a field of a later version', `${LINE} cipher=xyz name=a`],
  ['a field twice, of which the first counts', `${LINE} name=a name=b id=${OTHER_ID}`],
  ['letters that need no escape', `${LINE} name=%61`],
  ['an id in capitals', `${LINE} name=a`.replace(ID, ID.toUpperCase())],
  ['line ends of Windows', `x\r\n${LINE} name=a\r\ny`],
  ['a second line of ours, which does not count', `${LINE} name=a\n${LINE} name=b`],
  ['a damaged line before it', `#telestore v=1 id=12 name=b\n${LINE} name=a`],
  ['a line of a later version before it', `#telestore v=2 id=${ID} name=b\n${LINE} name=a`],
])('a line is read with %s', (_, caption) => {
  expect(decodeCaption(caption, 'document.bin')).toEqual({ ...nothing, name: 'a' })
})

test.each<[string, string]>([
  ['an empty caption', ''],
  ['the words of a person', 'Our trip to #telestore, v=1'],
  ['the tag alone', '#telestore'],
  ['another tag', `#telestores v=1 id=${ID}`],
  ['a tag within a word', `x${LINE}`],
  ['no version', `#telestore id=${ID} name=a`],
  ['a later version', `#telestore v=2 id=${ID} name=a`],
  ['no id', '#telestore v=1 name=a'],
  ['an id that is too short', `#telestore v=1 id=${ID.slice(1)} name=a`],
  ['an id that is too long', `#telestore v=1 id=${ID}0 name=a`],
  ['an id with other letters', `#telestore v=1 id=${ID.replace('f', 'g')} name=a`],
  ['an id on the next line', `#telestore v=1\nid=${ID} name=a`],
  ['a kind of a later version', `${LINE} kind=note name=a`],
  ['volume 0', `${LINE} kind=volume-0-of-3`],
  ['a volume behind the last', `${LINE} kind=volume-4-of-3`],
  ['a volume of endless ones', `${LINE} kind=volume-1-of-99999999999999999999`],
])('%s is no line of ours', (_, caption) => {
  expect(decodeCaption(caption, 'document.bin')).toBeNull()
})

test.each<[string, string]>([
  ['an empty name', 'name='],
  ['a name cut twice', 'name=a*b*c'],
  ['a name of which nothing is left', 'name=*'],
  ['a name with half an escape', 'name=a%4'],
  ['a name that is not UTF-8', 'name=a%ff%fe'],
  ['a name that stands for half a character', 'name=%ed%a0%80'],
  ['an end that is not UTF-8', 'name=a*%ff'],
  ['a folder that is no id', 'folder=../..'],
  ['a digest that was cut', `sha256=${SHA256.slice(2)}`],
  ['a checksum that is too long', 'crc32=000000000'],
  ['no time', 'modified=yesterday'],
  ['a month that does not exist', 'modified=2026-13-01T00:00:00Z'],
  ['a day that does not exist', 'modified=2026-02-30T00:00:00Z'],
  ['an hour that does not exist', 'modified=2026-02-03T24:00:00Z'],
  ['a time of another zone', 'modified=2026-02-03T00:00:00+01:00'],
])('%s is as if it were not there', (_, field) => {
  expect(decodeCaption(`${LINE} ${field}`, 'document.bin')).toEqual({
    ...nothing,
    name: 'document.bin',
  })
})

test('a time may lack its milliseconds, and digests may be in capitals', () => {
  const written = `${LINE} modified=2025-11-29T04:26:55Z sha256=${SHA256.toUpperCase()} crc32=0000ABCD`

  expect(decodeCaption(written, null)).toEqual({
    ...nothing,
    modifiedAt: 1_764_390_415_000,
    sha256: SHA256,
    crc32: '0000abcd',
  })
})

test.each([
  [`${LINE} name=a`, `${LINE} name=a`],
  [`Our trip\n  ${LINE} name=a \nwith friends\n${LINE} name=b`, `${LINE} name=a`],
  ['#telestore damaged', '#telestore damaged'],
  ['#telestores are many', null],
  ['', null],
])('the line of ours in %j is %j', (text, line) => {
  expect(lineOfOurs(text)).toBe(line)
})

test('an id is 16 bytes of its own each time', () => {
  const ids = new Set(Array.from({ length: 1000 }, newCaptionId))

  expect(ids.size).toBe(1000)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
})
