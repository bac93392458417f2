import { expect, test } from 'vitest'
import { encodeCaption, type PostDescription } from '../../../../src/core/model/caption.ts'
import {
  type DocumentPost,
  fileOfPost,
  fileOfUpload,
  folderOfPost,
  type KnownOfFile,
  libraryKeyOf,
  mergeFile,
  toFileRow,
  volumeOfPost,
} from '../../../../src/core/model/library/posts.ts'
import type { FileRow, LibraryFile } from '../../../../src/core/ports/catalogue.ts'
import { makeUpload } from '../../../helpers/upload.ts'

const ID = '000102030405060708090a0b0c0d0e0f'
const FOLDER = 'ffffffffffffffffffffffffffffffff'
const SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const described: PostDescription = {
  id: ID,
  kind: 'file',
  folderId: FOLDER,
  name: 'a long name.bin',
  modifiedAt: 1000,
  sha256: SHA256,
  crc32: '0000abcd',
}
const post: DocumentPost = {
  messageId: 7,
  postedAt: 2000,
  editedAt: null,
  caption: encodeCaption(described),
  forwarded: false,
  documentId: '77',
  documentName: 'cut.bin',
  size: 5,
  mimeType: 'video/mp4',
  hasThumbnail: true,
}
const file: FileRow = {
  messageId: 7,
  name: 'a long name.bin',
  folderId: FOLDER,
  size: 5,
  mimeType: 'video/mp4',
  postedAt: 2000,
  editedAt: null,
  modifiedAt: 1000,
  sha256: SHA256,
  crc32: '0000abcd',
  hasThumbnail: true,
  documentId: '77',
  captionId: ID,
  knowsPlace: true,
}

test('size and type of a file are the document’s, name, folder, time and digests the line’s', () => {
  expect(fileOfPost(post)).toEqual(file)
})

test('a document without a line is a file by its own name, in the root', () => {
  expect(fileOfPost({ ...post, caption: 'a holiday' })).toEqual({
    ...file,
    name: 'cut.bin',
    folderId: null,
    modifiedAt: null,
    sha256: null,
    crc32: null,
    captionId: null,
  })
  expect(fileOfPost({ ...post, caption: '', documentName: null }).name).toBe('file-7')
})

test('a line without a name tells nothing of the place', () => {
  const caption = encodeCaption({ ...described, name: null, folderId: null })

  expect(fileOfPost({ ...post, caption })).toMatchObject({ name: 'cut.bin', knowsPlace: false })
})

test('a line with a folder alone says where the file lies, by the name of its document', () => {
  const caption = encodeCaption({ ...described, name: null })

  expect(fileOfPost({ ...post, caption })).toMatchObject({
    ...{ name: 'cut.bin', folderId: described.folderId, knowsPlace: true },
  })
})

test('a document with the line of a folder is a plain document', () => {
  const caption = encodeCaption({ ...described, kind: 'folder' })

  expect(fileOfPost({ ...post, caption })).toMatchObject({ name: 'cut.bin', captionId: null })
})

test('a text makes a folder by a line of that kind alone', () => {
  const text = { messageId: 3, postedAt: 10, editedAt: 20 }
  const line = encodeCaption({ ...described, kind: 'folder', name: 'Fotos' })

  expect(folderOfPost({ ...text, text: `old photos\n${line}` })).toEqual({
    messageId: 3,
    folderId: ID,
    name: 'Fotos',
    parentId: FOLDER,
    editedAt: 20,
  })
  expect(folderOfPost({ ...text, text: 'hello' })).toBeNull()
  expect(folderOfPost({ ...text, text: encodeCaption(described) })).toBeNull()
})

const { knowsPlace: _, ...known } = file
const row: LibraryFile = {
  ...known,
  ...{ mimeType: 'video/mp4', volumes: null },
  ...{ hasThumbnail: true, fileId: null, thumbnailId: null, documentId: '77', isMeasured: false },
}
/** What somebody has written into the caption. */
const FORGED = { sha256: 'f'.repeat(64), crc32: 'ffffffff' }
const NOTHING: KnownOfFile = { volumes: null, receiptOf: () => null }
const MEASURED = { sha256: 'a'.repeat(64), crc32: 'aaaaaaaa' }
const RECEIPT: KnownOfFile = { volumes: null, receiptOf: () => MEASURED }

test.each<[string, Partial<LibraryFile>, Partial<FileRow>, Partial<LibraryFile>]>([
  ['a newer edit counts', {}, { editedAt: 9, name: 'b' }, { editedAt: 9, name: 'b' }],
  ['an edit in the same second counts', { editedAt: 9 }, { editedAt: 9, name: 'b' }, { name: 'b' }],
  [
    'an older edit changes nothing',
    { editedAt: 9 },
    { editedAt: 8, name: 'b' },
    { name: file.name },
  ],
  [
    'a message before its edit changes nothing',
    { editedAt: 9 },
    { name: 'b' },
    { name: file.name },
  ],
  [
    'a line without a place leaves the place',
    {},
    { knowsPlace: false, name: 'b', folderId: null, hasThumbnail: false },
    { name: file.name, folderId: FOLDER, hasThumbnail: false },
  ],
  [
    'digests that the same line left out stay',
    {},
    { sha256: null, crc32: null, modifiedAt: null },
    { sha256: SHA256, crc32: '0000abcd', modifiedAt: 1000 },
  ],
  ['the file id that a message does not tell stays', { fileId: 'f' }, {}, { fileId: 'f' }],
  [
    'the file id of its thumbnail stays as well',
    { thumbnailId: 't' },
    { hasThumbnail: null },
    { thumbnailId: 't' },
  ],
  ['the file id of another document goes', { fileId: 'f' }, { documentId: '78' }, { fileId: null }],
  [
    'digests of another document go',
    {},
    { sha256: null, crc32: null, size: 6 },
    { sha256: null, crc32: null, size: 6 },
  ],
  [
    'a source that does not know of a thumbnail leaves what is known',
    {},
    { hasThumbnail: null },
    { hasThumbnail: true },
  ],
  [
    'a line that was taken out leaves a plain document',
    {},
    { editedAt: 9, captionId: null, folderId: null, name: 'cut.bin', sha256: null },
    { captionId: null, folderId: null, name: 'cut.bin', sha256: null },
  ],
  [
    'digests that were measured stay, whatever an edited caption claims',
    { ...MEASURED, isMeasured: true },
    { ...FORGED, editedAt: 9 },
    { ...MEASURED, isMeasured: true, editedAt: 9 },
  ],
  [
    'they stay where the caption has another line by now, or none',
    { ...MEASURED, isMeasured: true },
    { ...FORGED, editedAt: 9, captionId: null },
    { ...MEASURED, isMeasured: true, captionId: null },
  ],
  [
    'they stay where the source knows no document, but the same line',
    { ...MEASURED, isMeasured: true },
    { ...FORGED, documentId: null },
    { ...MEASURED, isMeasured: true, documentId: '77' },
  ],
  [
    'they go with their document, though the caption is the same',
    { ...MEASURED, isMeasured: true },
    { ...FORGED, editedAt: 9, documentId: '78' },
    { ...FORGED, isMeasured: false, documentId: '78' },
  ],
  [
    'digests that are measured count after a claim that was there before',
    { ...FORGED, documentId: null },
    { ...MEASURED, isMeasured: true },
    { ...MEASURED, isMeasured: true, documentId: '77' },
  ],
  [
    'they count also where the caption has been edited before',
    { ...FORGED, editedAt: 9, name: 'b' },
    { ...MEASURED, isMeasured: true },
    { ...MEASURED, isMeasured: true, editedAt: 9, name: 'b' },
  ],
  [
    'a claim counts where nothing was measured',
    {},
    { ...FORGED, editedAt: 9 },
    { ...FORGED, isMeasured: false },
  ],
])('%s', (_name, before, told, after) => {
  const merged = mergeFile({ ...row, editedAt: null, ...before }, { ...file, ...told }, NOTHING)

  expect(merged).toMatchObject(after)
})

test('what is told again leaves the row as it is, the same object', () => {
  expect(mergeFile(null, file, NOTHING)).toEqual(row)
  expect(mergeFile(row, file, NOTHING)).toBe(row)
  const measured: LibraryFile = { ...row, ...MEASURED, isMeasured: true }
  expect(mergeFile(measured, { ...file, ...FORGED }, NOTHING)).toBe(measured)
})

test('the receipt of a document counts more than any claim, in a new row and in one that is there', () => {
  const measured = { ...MEASURED, isMeasured: true }

  expect(mergeFile(null, { ...file, ...FORGED }, RECEIPT)).toMatchObject(measured)
  expect(mergeFile(row, { ...file, ...FORGED }, RECEIPT)).toMatchObject(measured)
  expect(mergeFile({ ...row, editedAt: 9 }, file, RECEIPT)).toMatchObject(measured)
})

const MANIFEST = { ...post, caption: encodeCaption({ ...described, kind: 'manifest' }) }
const VOLUME = { ...post, caption: encodeCaption({ ...described, kind: { volume: 2, of: 3 } }) }

test('a manifest is a file by its line, of a type that its name tells', () => {
  const told = fileOfPost(MANIFEST)

  expect(told).toEqual({ ...file, mimeType: null, isManifest: true })
  expect(volumeOfPost(MANIFEST)).toBeNull()
  const named = { ...told, name: 'a.mkv' }
  const merged = mergeFile(null, named, { ...NOTHING, volumes: { count: 0, bytes: 0 } })
  expect(merged).toMatchObject({ size: 5, volumes: 0, mimeType: 'video/x-matroska' })
})

test('a volume is a piece of a file by its line', () => {
  expect(volumeOfPost(VOLUME)).toEqual({
    ...{ messageId: 7, captionId: ID, number: 2, of: 3, size: 5, name: 'a long name.bin' },
    ...{ postedAt: 2000, editedAt: null },
  })
})

test.each([
  ['manifest', MANIFEST],
  ['volume', VOLUME],
])('a %s that was forwarded is a document like any other', (_, posted) => {
  const forwarded = { ...posted, forwarded: true }

  expect(volumeOfPost(forwarded)).toBeNull()
  expect(fileOfPost(forwarded)).toMatchObject({
    ...{ name: 'cut.bin', size: 5, mimeType: 'video/mp4', captionId: null },
  })
})

const LARGE: LibraryFile = { ...row, size: 900, volumes: 3, ...MEASURED, isMeasured: true }

test.each<[string, LibraryFile, FileRow, KnownOfFile['volumes'], Partial<LibraryFile>]>([
  [
    'has the size of its volumes',
    LARGE,
    fileOfPost(MANIFEST),
    { count: 2, bytes: 600 },
    { size: 600, volumes: 2, mimeType: 'video/mp4', ...MEASURED },
  ],
  [
    'keeps the size that was known where no volume is',
    LARGE,
    fileOfPost(MANIFEST),
    { count: 0, bytes: 0 },
    { size: 900, volumes: 0 },
  ],
  [
    'is a plain document once its line says so, and its digests go',
    LARGE,
    { ...file, editedAt: 9 },
    null,
    { size: 5, volumes: null, sha256: SHA256, isMeasured: false },
  ],
  [
    'that was a plain file has the type that was known',
    row,
    { ...fileOfPost(MANIFEST), editedAt: 9 },
    { count: 0, bytes: 0 },
    { size: 5, volumes: 0, mimeType: 'video/mp4' },
  ],
])('a file of volumes %s', (_, before, told, volumes, after) => {
  expect(mergeFile(before, told, { ...NOTHING, volumes })).toMatchObject(after)
})

test('the receipt of a file of volumes is that of its whole size', () => {
  const receiptOf = (id: string, size: number) => (id === '77' && size === 900 ? MEASURED : null)
  const told = fileOfPost(MANIFEST)

  const part = mergeFile(null, told, { volumes: { count: 2, bytes: 600 }, receiptOf })
  const whole = mergeFile(part, toFileRow(part), { volumes: { count: 3, bytes: 900 }, receiptOf })

  expect([part.isMeasured, whole.isMeasured]).toEqual([false, true])
  expect(whole).toMatchObject(MEASURED)
})

test('an upload becomes a file by its own words, whose message is not seen yet', () => {
  const upload = makeUpload({ fileName: 'a.mkv', size: 5, modifiedAt: 1000, captionId: ID })

  const finished = { messageId: 7, fileId: 'f', digests: { sha256: 'a', crc32: 'b' } }

  expect(fileOfUpload(upload, finished, 2000)).toEqual({
    ...file,
    name: 'a.mkv',
    folderId: null,
    mimeType: upload.mimeType,
    ...finished.digests,
    isMeasured: true,
    hasThumbnail: null,
    fileId: 'f',
    thumbnailId: null,
    documentId: null,
  })
  expect(mergeFile(null, fileOfUpload(upload, finished, 2000), NOTHING).hasThumbnail).toBe(false)
})

test.each([
  ['-1001234567890', '-1001234567890'],
  ['1234567890', '-1001234567890'],
  [' 77 ', '-1000000000077'],
  ['@name', '@name'],
])('the channel %j has the library of %j', (channelId, marked) => {
  const credentials = { botToken: null, session: null, apiId: null, apiHash: null }

  expect(libraryKeyOf({ ...credentials, userId: 'u', channelId })).toEqual({
    owner: 'u',
    channelId: marked,
  })
})
