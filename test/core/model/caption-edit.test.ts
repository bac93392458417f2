import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  CAPTION_UNITS,
  decodeCaption,
  encodeCaption,
  type PostDescription,
} from '../../../src/core/model/caption.ts'
import { copyCaption, editCaption, editFolderText } from '../../../src/core/model/caption-edit.ts'
import type { PostKind } from '../../../src/core/ports/records.ts'

const ID = 'ab'.repeat(16)
const FOLDER = 'cd'.repeat(16)
const OTHER = 'ef'.repeat(16)

test.each([
  [
    `#telestore v=1 id=${ID} kind=file name=a%2Etxt`,
    { name: 'b.txt', folderId: FOLDER },
    `#telestore v=1 id=${ID} kind=file folder=${FOLDER} name=b%2Etxt`,
  ],
  [
    `#telestore v=1 id=${ID} folder=${OTHER} later=x crc32=01234567 name=a`,
    { name: 'a', folderId: null },
    `#telestore v=1 id=${ID} later=x crc32=01234567 name=a`,
  ],
  [
    `My holiday\n#telestore v=1 id=${ID} name=a  in Rome\n\nname=of the rose`,
    { name: 'b', folderId: FOLDER },
    `My holiday\n#telestore v=1 id=${ID} folder=${FOLDER} name=b  in Rome\n\nname=of the rose`,
  ],
  [
    `#telestore v=1 name=a the beach id=${ID} name=c kind=file folder=x`,
    { name: 'b', folderId: null },
    `#telestore v=1 the beach id=${ID} kind=file name=b`,
  ],
  [
    `#telestore v=2 id=${ID} name=a\n#telestore v=1 id=${ID} name=a`,
    { name: 'b', folderId: null },
    `#telestore v=2 id=${ID} name=a\n#telestore v=1 id=${ID} name=b`,
  ],
  [
    `#telestore v=1 id=${ID} folder=${OTHER} name=a`,
    { name: null, folderId: null },
    `#telestore v=1 id=${ID}`,
  ],
  ['Only words', { name: null, folderId: null }, 'Only words'],
  ['', { name: null, folderId: null }, ''],
])('%j with %j becomes %j', (before, place, after) => {
  expect(editCaption(before, place)).toBe(after)
})

test.each(['', 'Words of a person', '#telestore without fields'])(
  'the caption %j gets a line behind what is there',
  (before) => {
    const edited = editCaption(before, { name: 'b.txt', folderId: FOLDER }) ?? ''

    expect(edited.startsWith(before === '' ? '#telestore ' : `${before}\n#telestore `)).toBe(true)
    expect(decodeCaption(edited, 'document')).toMatchObject({
      kind: 'file',
      name: 'b.txt',
      folderId: FOLDER,
      sha256: null,
    })
  },
)

test.each([
  [
    `Rome\n#telestore v=1 id=${ID} x=1 id=${ID} name=a.txt sunny`,
    `Rome\n#telestore v=1 id=${OTHER} x=1 id=${ID} folder=${FOLDER} name=b sunny`,
  ],
  ['Rome', `Rome\n#telestore v=1 id=${OTHER} kind=file folder=${FOLDER} name=b`],
])('the copy of a post with %j has an id of its own and the words', (before, after) => {
  expect(copyCaption(before, { name: 'b', folderId: FOLDER }, OTHER)).toBe(after)
})

test('the line of a folder beside a file stays behind the line of the file', () => {
  const caption = `Rome\n#telestore v=1 id=${ID} kind=folder name=Evil sunny`
  const place = { name: 'b', folderId: FOLDER }

  const copy = `#telestore v=1 id=${OTHER} kind=file folder=${FOLDER} name=b\n${caption}`
  expect(copyCaption(caption, place, OTHER)).toBe(copy)
  const edited = editCaption(caption, place)
  expect(edited?.replace(/id=\w+/, `id=${OTHER}`)).toBe(copy)
  expect(editCaption(edited ?? '', place)).toBe(edited)
  expect(editCaption(caption, { name: null, folderId: null })).toBe(caption)
})

test('a text without the line of a folder is no folder that can be renamed', () => {
  expect(editFolderText('Words', { name: 'b', folderId: null })).toBeNull()
})

test('the words of people are not cut for a name: it is cut instead, or has no room', () => {
  const line = `\n#telestore v=1 id=${ID} name=a`
  const name = `${'x'.repeat(300)}.tar.gz`
  const fits = 'w'.repeat(CAPTION_UNITS - line.length - 60)
  const full = 'w'.repeat(CAPTION_UNITS - line.length)

  const cut = editCaption(fits + line, { name, folderId: null }) ?? ''

  expect(cut).toHaveLength(CAPTION_UNITS)
  expect(cut.startsWith(fits)).toBe(true)
  expect(decodeCaption(cut, null)?.name).toMatch(/^x+…x*\.tar\.gz$/)
  expect(editCaption(full + line, { name, folderId: null })).toBeNull()
  // An account with longer captions wrote this one, and can write it again.
  expect(editCaption(`${full}w${line}`, { name: 'b', folderId: null })).toBe(
    `${full}w\n#telestore v=1 id=${ID} name=b`,
  )
})

const FOLDERS = [null, FOLDER, OTHER]
const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
const WORDS = ['', 'Rome', 'name=x', 'folder=y', '#holiday', '*bold*', 'v=1', '💾', 'one  two']
const words = fc.array(fc.constantFrom(...WORDS), { maxLength: 5 }).map((all) => all.join(' '))
const kinds = fc.constantFrom<PostKind[]>('file', 'manifest', 'folder', { volume: 3, of: 12 })
const lines = fc.record<PostDescription>({
  id: fc.constant(ID),
  kind: kinds,
  folderId: fc.constantFrom(null, FOLDER),
  name: fc.option(names),
  modifiedAt: fc.constantFrom(null, 1_764_390_415_123),
  sha256: fc.constantFrom(null, '12'.repeat(32)),
  crc32: fc.constantFrom(null, '0000abcd'),
})
/** What people put into a line, at a word of it, in place of that many others. */
const BROKEN = ['and', 'x=1', 'name=%zz', 'folder=none', '\t', 'id=short', '💾', '']
const damages = fc.array(fc.tuple(fc.nat(9), fc.nat(1), fc.constantFrom(...BROKEN)), {
  maxLength: 3,
})

test('whatever stands in a caption, an edit changes name and folder and nothing else', () => {
  const place = fc.record({ name: fc.option(names), folderId: fc.constantFrom(...FOLDERS) })
  fc.assert(
    fc.property(words, lines, damages, words, place, (above, line, damage, below, wanted) => {
      const pieces = encodeCaption(line).split(' ')
      for (const [at, count, piece] of damage) pieces.splice(1 + at, count, piece)
      const caption = `${above}\n${pieces.join(' ')}\n${below}`
      const before = decodeCaption(caption, null)

      // Each kind of post has its own way.
      const edit = before?.kind === 'folder' ? editFolderText : editCaption
      const edited = edit(caption, wanted)

      if (edited === null) throw new Error('there was room')
      expect(edited.startsWith(`${above}\n`)).toBe(true)
      expect(edited).toContain(`\n${below}`)
      const after = decodeCaption(edited, null)
      const isSaid = before !== null || wanted.name !== null || wanted.folderId !== null
      expect(after).toEqual(isSaid ? { ...after, ...before, ...wanted } : null)
      // With a line, the same edit once more is no edit.
      expect(edit(edited, wanted)).toBe(edited)
    }),
    { numRuns: 2000, seed: 20_261_129 },
  )
})
