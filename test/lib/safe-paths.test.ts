import fc from 'fast-check'
import { expect, test } from 'vitest'
import { numbered, safeName, safePaths } from '../../src/lib/safe-paths.ts'

test.each([
  ['photo.jpg', 'photo.jpg'],
  ['Übung ① 日本語 😀.txt', 'Übung ① 日本語 😀.txt'],
  ['cafe\u0301', 'caf\u00e9'],
  ['', '_'],
  ['.', '_'],
  ['..', '__'],
  ['...', '___'],
  ['a/../../b', 'a_.._.._b'],
  ['/etc/passwd', '_etc_passwd'],
  ['C:\\Windows\\x', 'C__Windows_x'],
  ['a\u0000b\nc\u0085d', 'a_b_c_d'],
  ['what?<>|"*.txt', 'what______.txt'],
  ['end. ', 'end__'],
  ['.bashrc', '.bashrc'],
  ['con', '_con'],
  ['CON.txt', '_CON.txt'],
  ['Aux .tar.gz', '_Aux .tar.gz'],
  ['lpt¹', '_lpt¹'],
  ['COM0', '_COM0'],
  ['console', 'console'],
  ['\ud800.txt', '\ufffd.txt'],
])('the name %j is %j outside of the library', (name, safe) => {
  expect(safeName(name)).toBe(safe)
})

test.each([
  ['x'.repeat(300), 255],
  [`${'x'.repeat(300)}.tar.gz`, 255],
  ['é'.repeat(200), 254],
  [`${'😀'.repeat(100)}.jpeg`, 253],
])('a long name keeps its ending and whole characters: %#', (name, bytes) => {
  const safe = safeName(name)

  expect(Buffer.byteLength(safe)).toBe(bytes)
  expect(safe.isWellFormed()).toBe(true)
  expect(safe.slice(-5)).toBe(name.slice(-5))
})

test.each<[string, string[], string[]]>([
  ['two files of one name', ['a.txt', 'a.txt', 'a.txt'], ['a.txt', 'a (2).txt', 'a (3).txt']],
  ['case', ['A.txt', 'a.TXT'], ['A.txt', 'a (2).TXT']],
  ['Unicode forms', ['caf\u00e9', 'cafe\u0301'], ['café', 'café (2)']],
  ['sharp s in capitals', ['STRASSE', 'straße'], ['STRASSE', 'straße (2)']],
  ['what some disks do not see', ['ab', 'a\u200db'], ['ab', 'a\u200db (2)']],
  ['what was made safe', ['a:b', 'a?b'], ['a_b', 'a_b (2)']],
  ['a number that is there', ['a', 'a (2)', 'a'], ['a', 'a (2)', 'a (3)']],
  ['folders', ['F/x', 'f/y'], ['F/x', 'f (2)/y']],
  ['a file and a folder of its name', ['doc', 'doc/x'], ['doc (2)', 'doc/x']],
  ['a folder that leads out', ['../x', './y'], ['__/x', '_/y']],
])('%s: no two are one', (_, paths, shown) => {
  expect(safePaths(paths.map(split), []).files).toEqual(shown)
})

test('folders without files are there, under the names of those with files', () => {
  const paths = safePaths([split('A/B/file')], [['A', 'empty'], ['con'], ['a']])

  expect(paths).toEqual({ files: ['A/B/file'], folders: ['A/empty/', '_con/', 'a (2)/'] })
})

test('any list of names gives as many paths that unpack inside one folder, each once', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom('', '.', '..', 'a', 'A', 'a.', 'a ', 'con', 'a (2)', '\u0041\u030a', '\u00c5'),
  )
  const segment = name.map((text) => text.replaceAll('/', '_'))
  const file = fc.record({ folder: fc.array(segment, { maxLength: 3 }), name })
  fc.assert(
    fc.property(fc.array(file, { maxLength: 12 }), (files) => {
      const paths = safePaths(files, []).files

      expect(paths).toHaveLength(files.length)
      const keys = paths.map((path) => path.normalize('NFC').toUpperCase().toLowerCase())
      expect(new Set(keys).size).toBe(files.length)
      for (const part of paths.flatMap((path) => path.split('/'))) {
        expect(part).toMatch(/^[^\p{Cc}\\:*?"<>|]*[^\p{Cc}\\:*?"<>|. ]$/u)
        expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255)
      }
    }),
    { seed: 20_261_129, numRuns: 300 },
  )
})

test('ten thousand files of one name are named in no time', () => {
  const files = Array.from({ length: 10_000 }, () => ({ folder: [], name: 'x.jpg' }))
  const begun = performance.now()

  expect(safePaths(files, []).files.at(-1)).toBe('x (10000).jpg')

  expect(performance.now() - begun).toBeLessThan(2_000)
})

test.each([
  ['report.pdf', 'report (2).pdf'],
  ['report', 'report (2)'],
  ['backup.tar.gz', 'backup (2).tar.gz'],
  ['.bashrc', '.bashrc (2)'],
  ['.config.json', '.config (2).json'],
  ['a.b c', 'a.b c (2)'],
  ['a (2).txt', 'a (2) (2).txt'],
  ['a.', 'a. (2)'],
])('the second %j is %j', (name, second) => {
  expect(numbered(name, 2)).toBe(second)
})

function split(path: string) {
  const folder = path.split('/')
  return { name: folder.pop() ?? '', folder }
}
