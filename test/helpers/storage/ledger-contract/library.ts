import { expect, test } from 'vitest'
import type {
  Catalogue,
  FileRow,
  FolderPost,
  LibraryKey,
  LibrarySync,
} from '../../../../src/core/ports/catalogue.ts'
import { makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { type MakeLedger, NOW, PAYLOAD, RESULT } from './fixtures.ts'

const KEY: LibraryKey = { owner: 'ann', channelId: '-1001' }
const PHOTOS = 'a'.repeat(32)
const SUMMER = 'b'.repeat(32)
const SYNC: LibrarySync = {
  pts: 5,
  scan: { pts: 7, below: 100, seen: 300, total: 400 },
  lookedAt: NOW,
}

export function makeFile(messageId: number, change: Partial<FileRow> = {}): FileRow {
  return {
    messageId,
    name: `file ${messageId}.bin`,
    folderId: null,
    size: 10,
    mimeType: 'application/octet-stream',
    postedAt: NOW,
    editedAt: null,
    modifiedAt: null,
    sha256: null,
    crc32: null,
    hasThumbnail: false,
    captionId: null,
    knowsPlace: true,
    ...change,
  }
}

export function makeFolder(
  messageId: number,
  folderId: string,
  name: string,
  change: Partial<FolderPost> = {},
): FolderPost {
  return { messageId, folderId, name, parentId: null, editedAt: NOW, ...change }
}

/** What the catalogue of a channel promises. */
export function keepsLibraries(make: MakeLedger): void {
  test('a file of a library is remembered field by field', async () => {
    const { ledger } = await make()
    const file = makeFile(2 ** 31 - 1, {
      name: 'Ménage/à trois.zip',
      folderId: PHOTOS,
      size: 2 ** 50,
      editedAt: NOW + 1,
      modifiedAt: -5,
      sha256: 'cd'.repeat(32),
      crc32: '0000abcd',
      hasThumbnail: true,
      captionId: 'ef'.repeat(16),
    })
    await ledger.applyToLibrary(KEY, { files: [file] })

    const { knowsPlace: _, ...row } = file
    const found = await ledger.libraryFile(KEY, file.messageId)
    expect(found).toEqual({ ...row, kind: 'archive', path: [] })
    expect(await ledger.libraryFile(KEY, 1)).toBeNull()
    expect(await ledger.libraryFile({ ...KEY, owner: 'bob' }, file.messageId)).toBeNull()
    expect(await ledger.libraryFile({ ...KEY, channelId: '-1002' }, file.messageId)).toBeNull()
  })

  test('an upload is in its library once it is completed, and never without that', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    const completing = (file: FileRow) =>
      ledger.completeUpload(id, {
        result: { ...RESULT, messageId: file.messageId },
        webhook: PAYLOAD,
        library: { key: KEY, file },
        now: NOW,
      })

    await expect(completing(makeFile(6, { size: 0.5 }))).rejects.toThrow()
    expect(await ledger.findUpload(id)).toMatchObject({ state: 'receiving' })
    expect(await ledger.librarySync(KEY)).toBeNull()
    expect(await completing(makeFile(7))).toMatchObject({ kind: 'ended' })
    expect(await completing(makeFile(8))).toMatchObject({ kind: 'closed' })

    expect(await ledger.libraryFile(KEY, 7)).toMatchObject({ name: 'file 7.bin' })
    expect(await ledger.libraryFile(KEY, 8)).toBeNull()
    expect(await ledger.dueWebhooks(NOW, 10)).toHaveLength(1)
  })

  test('two libraries know nothing of each other', async () => {
    const { ledger } = await make()
    const others = { ...KEY, owner: 'bob' }
    await ledger.applyToLibrary(KEY, {
      files: [makeFile(1)],
      folders: [makeFolder(2, PHOTOS, 'A')],
    })
    await ledger.applyToLibrary(others, { files: [makeFile(1, { name: 'b' })] })
    await ledger.applyToLibrary(others, { complete: { from: 1, to: 2 ** 31 - 1 } })

    expect(await countsOf(ledger, KEY)).toEqual({
      '/': '1 files 10 bytes',
      '/A': '0 files 0 bytes',
    })
    expect(await ledger.libraryFolder(others, [])).toMatchObject({ files: 0 })
    expect(await ledger.libraryFolder(others, ['A'])).toBeNull()
  })

  test('what is told again changes nothing, and what is told late does not turn back', async () => {
    const { ledger } = await make()
    const files = [makeFile(1, { editedAt: 50, name: 'new' })]
    const folders = [makeFolder(2, PHOTOS, 'New', { editedAt: 50 })]

    const first = await ledger.applyToLibrary(KEY, { files, folders, gone: [9] })
    const again = await ledger.applyToLibrary(KEY, { files, folders, gone: [9] })
    const late = await ledger.applyToLibrary(KEY, {
      files: [makeFile(1, { editedAt: 49, name: 'old' })],
      folders: [makeFolder(2, PHOTOS, 'Old', { editedAt: 49 })],
    })

    expect(first.messageIds).toEqual([1, 2])
    expect([again.messageIds, late.messageIds]).toEqual([[], []])
    expect(await ledger.libraryFile(KEY, 1)).toMatchObject({ name: 'new' })
    expect(await ledger.libraryFolder(KEY, ['New'])).not.toBeNull()
  })

  test('folders count all that is below them, through every change', async () => {
    const { ledger } = await make()
    const photos = makeFolder(10, PHOTOS, 'Photos')
    const summer = makeFolder(11, SUMMER, 'Summer', { parentId: PHOTOS })
    const counts = async () => countsOf(ledger, KEY)

    // As a bot reads: the newest first, so files come before their folders.
    await ledger.applyToLibrary(KEY, {
      files: [makeFile(20, { folderId: SUMMER }), makeFile(21, { folderId: SUMMER, size: 5 })],
    })
    expect(await counts()).toEqual({ '/': '2 files 15 bytes' })
    expect(await ledger.libraryFile(KEY, 20)).toMatchObject({ folderId: SUMMER, path: [] })
    await ledger.applyToLibrary(KEY, { folders: [summer], files: [makeFile(12)] })
    expect(await counts()).toEqual({ '/': '3 files 25 bytes', '/Summer': '2 files 15 bytes' })
    await ledger.applyToLibrary(KEY, { folders: [photos] })
    expect(await counts()).toEqual({
      '/': '3 files 25 bytes',
      '/Photos': '2 files 15 bytes',
      '/Photos/Summer': '2 files 15 bytes',
    })
    expect(await ledger.libraryFile(KEY, 20)).toMatchObject({ path: ['Photos', 'Summer'] })

    // A move, another size, and a file that goes.
    await ledger.applyToLibrary(KEY, {
      files: [
        makeFile(20, { folderId: PHOTOS, editedAt: 1 }),
        makeFile(21, { folderId: SUMMER, size: 7 }),
      ],
      gone: [12],
    })
    expect(await counts()).toEqual({
      '/': '2 files 17 bytes',
      '/Photos': '2 files 17 bytes',
      '/Photos/Summer': '1 files 7 bytes',
    })

    // A folder is renamed and moved by one edit.
    await ledger.applyToLibrary(KEY, {
      folders: [{ ...summer, name: 'S', parentId: null, editedAt: NOW + 1 }],
    })
    expect(await counts()).toEqual({
      '/': '2 files 17 bytes',
      '/Photos': '1 files 10 bytes',
      '/S': '1 files 7 bytes',
    })

    // A folder's message goes: its files lie in the root, and keep the folder's id.
    await ledger.applyToLibrary(KEY, { gone: [10, 11] })
    expect(await counts()).toEqual({ '/': '2 files 17 bytes' })
    expect(await ledger.libraryFile(KEY, 21)).toMatchObject({ folderId: SUMMER, path: [] })
    await ledger.applyToLibrary(KEY, { gone: [20, 21] })
    expect(await counts()).toEqual({ '/': '0 files 0 bytes' })
  })

  test('folders of one path are one, and apart again when one is renamed', async () => {
    const { ledger } = await make()
    const twin = makeFolder(2, SUMMER, 'Photos')
    await ledger.applyToLibrary(KEY, {
      folders: [makeFolder(1, PHOTOS, 'Photos'), twin],
      files: [makeFile(3, { folderId: PHOTOS }), makeFile(4, { folderId: SUMMER })],
    })
    expect(await countsOf(ledger, KEY)).toEqual({
      '/': '2 files 20 bytes',
      '/Photos': '2 files 20 bytes',
    })
    expect(await ledger.libraryFolder(KEY, ['Photos'])).toMatchObject({
      folderId: PHOTOS,
      posts: [{ messageId: 1 }, { messageId: 2 }],
    })
    expect(await ledger.libraryFile(KEY, 4)).toMatchObject({ path: ['Photos'] })

    await ledger.applyToLibrary(KEY, { folders: [{ ...twin, name: 'B', editedAt: NOW + 1 }] })
    expect(await countsOf(ledger, KEY)).toEqual({
      '/': '2 files 20 bytes',
      '/Photos': '1 files 10 bytes',
      '/B': '1 files 10 bytes',
    })
  })

  test('when the lowest message of a folder goes, the next one counts', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, {
      folders: [makeFolder(1, PHOTOS, 'First'), makeFolder(2, PHOTOS, 'Second')],
    })
    expect(Object.keys(await countsOf(ledger, KEY))).toEqual(['/', '/First'])

    await ledger.applyToLibrary(KEY, { gone: [1] })
    expect(Object.keys(await countsOf(ledger, KEY))).toEqual(['/', '/Second'])
  })

  test('of a range that was read whole, what was not told goes, and nothing beside it', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, {
      files: [makeFile(1), makeFile(2), makeFile(3), makeFile(5)],
      folders: [makeFolder(4, PHOTOS, 'P')],
    })

    const { messageIds } = await ledger.applyToLibrary(KEY, {
      files: [makeFile(2)],
      complete: { from: 2, to: 4 },
    })

    expect(messageIds).toEqual([3, 4])
    expect(await countsOf(ledger, KEY)).toEqual({ '/': '3 files 30 bytes' })
  })

  test('a message is a file or a folder, whatever it was before', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, { files: [makeFile(1)] })

    await ledger.applyToLibrary(KEY, { folders: [makeFolder(1, PHOTOS, 'P')] })
    expect(await countsOf(ledger, KEY)).toEqual({ '/': '0 files 0 bytes', '/P': '0 files 0 bytes' })
    await ledger.applyToLibrary(KEY, { files: [makeFile(1)] })
    expect(await countsOf(ledger, KEY)).toEqual({ '/': '1 files 10 bytes' })
  })

  test('how far the rows follow the channel is kept with the changes', async () => {
    const { ledger } = await make()
    expect(await ledger.librarySync(KEY)).toBeNull()

    await ledger.applyToLibrary(KEY, { files: [makeFile(1)] })
    expect(await ledger.librarySync(KEY)).toEqual({ pts: null, scan: null, lookedAt: null })
    await ledger.applyToLibrary(KEY, { sync: SYNC })
    expect(await ledger.librarySync(KEY)).toEqual(SYNC)
    await ledger.applyToLibrary(KEY, { files: [makeFile(2)] })
    expect(await ledger.librarySync(KEY)).toEqual(SYNC)
    const done = { pts: 8, scan: null, lookedAt: NOW + 1 }
    await ledger.applyToLibrary(KEY, { sync: done })
    expect(await ledger.librarySync(KEY)).toEqual(done)
  })

  test('files of a name are found in one folder, the newest first', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, {
      folders: [makeFolder(1, PHOTOS, 'P')],
      files: [
        makeFile(2, { name: 'caf\u00e9' }),
        makeFile(3, { name: 'cafe\u0301' }),
        makeFile(4, { name: 'CAF\u00c9' }),
        makeFile(5, { name: 'caf\u00e9', folderId: PHOTOS }),
      ],
    })
    const named = async (path: string[]) =>
      (await ledger.libraryFilesNamed(KEY, path, 'caf\u00e9')).map(({ messageId }) => messageId)

    expect(await named([])).toEqual([3, 2])
    expect(await named(['P'])).toEqual([5])
    expect(await named(['Q'])).toEqual([])
  })
}

/** What every folder counts, by its path, with no path that is not there. */
async function countsOf(ledger: Catalogue, key: LibraryKey): Promise<Record<string, string>> {
  const counts: Record<string, string> = {}
  const names = ['First', 'Second', 'A', 'B', 'P', 'Photos', 'S', 'Summer']
  const open: string[][] = [[]]
  for (let path = open.shift(); path; path = open.shift()) {
    const folder = await ledger.libraryFolder(key, path)
    if (!folder) continue
    expect(folder.path).toEqual(path)
    counts[`/${path.join('/')}`] = `${folder.files} files ${folder.bytes} bytes`
    for (const name of names) open.push([...path, name])
  }
  return counts
}
