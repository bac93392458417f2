import { expect, test } from 'vitest'
import {
  folderOfRelativePath,
  formatFolderPath,
  isWithinFolder,
  parseFolderPath,
  splitFolderPath,
} from '../../../../src/core/model/library/folder-path.ts'
import { MAX_DEPTH, MAX_PATH_BYTES } from '../../../../src/core/model/library/folder-tree.ts'
import { folderSegment, MAX_FOLDER_NAME_BYTES } from '../../../../src/core/model/library/names.ts'

const deepest = Array.from({ length: MAX_DEPTH }, (_, at) => `f${at}`)

const TOO_LONG = `the path is longer than ${MAX_PATH_BYTES} bytes`

test.each([
  ['', []],
  ['/', []],
  ['a', ['a']],
  ['/a', ['a']],
  ['/a/b/', ['a', 'b']],
  ['a/b', ['a', 'b']],
  ['/ Ferien 2026 / Rom', ['Ferien 2026', 'Rom']],
  ['/Me\u0301nage', ['Ménage']],
  ['/Ménage', ['Ménage']],
  ['/.hidden/...', ['.hidden', '...']],
  ['/東京/🎞', ['東京', '🎞']],
  [`/${deepest.join('/')}`, deepest],
  [`/${'ä'.repeat(127)}`, ['ä'.repeat(127)]],
])('the path %j has the folders %j', (text, path) => {
  expect(parseFolderPath(text, 'folder')).toEqual(path)
})

test.each([
  ['..', 'a folder cannot be named ..'],
  ['/a/../b', 'a folder cannot be named ..'],
  ['/a/ .. /b', 'a folder cannot be named ..'],
  ['/a/./b', 'a folder cannot be named .'],
  ['//', 'the name of a folder is empty'],
  ['//a', 'the name of a folder is empty'],
  ['/a//b', 'the name of a folder is empty'],
  ['/a/ /b', 'the name of a folder is empty'],
  ['/a\\b', 'the name of a folder has a backslash or a control character'],
  ['/a\u0000b', 'the name of a folder has a backslash or a control character'],
  ['/a\nb', 'the name of a folder has a backslash or a control character'],
  ['/a\u009fb', 'the name of a folder has a backslash or a control character'],
  ['/a\ud800', 'the name of a folder is no Unicode text'],
  [`/${'ä'.repeat(128)}`, `the name of a folder is longer than ${MAX_FOLDER_NAME_BYTES} bytes`],
  ['/x'.repeat(300), `the path has more than ${MAX_DEPTH} folders`],
  // With the slash that it is shown with it has one byte too many.
  ['abcdefghijklmno'.repeat(16).concat('/').repeat(17).slice(0, MAX_PATH_BYTES), TOO_LONG],
  // In NFC it has twice as many bytes.
  [`/${'\u0958'.repeat(42)}`.repeat(30), TOO_LONG],
  [`/${'abcdefg/'.repeat(600)}`, TOO_LONG],
])('the path %j is refused', (text, problem) => {
  expect(() => parseFolderPath(text, 'folder')).toThrowError(
    expect.objectContaining({
      code: 'INVALID_REQUEST',
      message: `folder: ${problem}`,
      details: { field: 'folder' },
    }),
  )
})

test.each(['/a b', '/Rom/Kolosseum', '/x.', '/ⅷ'])(
  'the folder %j is shown at the path by which it was made',
  (text) => {
    const path = parseFolderPath(text, 'folder')
    expect(path.map(folderSegment)).toEqual(path)
    expect(formatFolderPath(path)).toBe(text)
  },
)

test.each([
  [[], '/'],
  [['a'], '/a'],
  [['a', 'b c'], '/a/b c'],
])('%j is written %j', (path, text) => {
  expect(formatFolderPath(path)).toBe(text)
})

test('a path splits into the folder around it and its name, and the root does not', () => {
  expect(splitFolderPath(['a', 'b', 'c'])).toEqual({ parent: ['a', 'b'], name: 'c' })
  expect(splitFolderPath(['a'])).toEqual({ parent: [], name: 'a' })
  expect(splitFolderPath([])).toBeNull()
})

test.each([
  [['a', 'b'], ['a'], true],
  [['a'], ['a'], true],
  [['a'], [], true],
  [['a'], ['a', 'b'], false],
  [['ab'], ['a'], false],
])('whether %j lies in %j: %s', (path, folder, within) => {
  expect(isWithinFolder(path, folder)).toBe(within)
})

test.each([
  ['photo.jpg', []],
  ['/photo.jpg', []],
  ['Rom/photo.jpg', ['Rom']],
  ['/Ferien/Rom/photo.jpg', ['Ferien', 'Rom']],
])('the folder of the file at %j is %j', (relativePath, path) => {
  expect(folderOfRelativePath(relativePath, 'relativePath')).toEqual(path)
})

test('the folder of a file at a path that climbs is refused', () => {
  expect(() => folderOfRelativePath('../../etc/passwd', 'relativePath')).toThrowError(
    expect.objectContaining({ message: 'relativePath: a folder cannot be named ..' }),
  )
})
