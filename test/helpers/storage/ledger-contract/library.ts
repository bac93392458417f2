import { expect, test } from 'vitest'
import { foldName, searchWords, sortName } from '../../../../src/core/model/library/names.ts'
import type {
  Catalogue,
  FileRow,
  FolderPost,
  LibraryKey,
  LibraryPage,
  LibraryPosition,
  LibraryQuery,
  LibrarySync,
  ShownFile,
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
      isMeasured: true,
      hasThumbnail: true,
      fileId: 'BQACAgQAAx',
      thumbnailId: 'AAMCAgQAAx',
      documentId: '-5',
      captionId: 'ef'.repeat(16),
    })
    await ledger.applyToLibrary(KEY, { files: [file] })

    const { knowsPlace: _, ...row } = file
    const found = await ledger.libraryFile(KEY, file.messageId)
    expect(found).toEqual({ ...row, volumes: null, kind: 'archive', path: [] })
    expect(await ledger.libraryFiles(KEY, [file.messageId, 1])).toEqual([found])
    expect(await ledger.libraryFiles({ ...KEY, owner: 'bob' }, [file.messageId])).toEqual([])
    expect(await ledger.libraryFile(KEY, 1)).toBeNull()
    expect(await ledger.libraryFile({ ...KEY, owner: 'bob' }, file.messageId)).toBeNull()
    expect(await ledger.libraryFile({ ...KEY, channelId: '-1002' }, file.messageId)).toBeNull()
  })

  test('the newest message of a library is that of a file or of a folder', async () => {
    const { ledger } = await make()
    const others = { ...KEY, owner: 'bob' }
    expect(await ledger.newestInLibrary(KEY)).toBe(0)
    await ledger.applyToLibrary(KEY, { files: [makeFile(7)] })
    await ledger.applyToLibrary(others, { files: [makeFile(2 ** 31 - 1)] })
    expect(await ledger.newestInLibrary(KEY)).toBe(7)

    await ledger.applyToLibrary(KEY, { folders: [makeFolder(9, PHOTOS, 'A')] })

    expect(await ledger.newestInLibrary(KEY)).toBe(9)
    await ledger.applyToLibrary(KEY, { gone: [7, 9] })
    expect(await ledger.newestInLibrary(KEY)).toBe(0)
  })

  test('an upload is in its library once it is completed, and never without that', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    const completing = (file: FileRow) =>
      ledger.completeUpload(id, {
        result: { ...RESULT, messageId: file.messageId },
        webhook: PAYLOAD,
        library: { key: KEY, file, deletion: null },
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
    expect(await ledger.libraryTotals()).toEqual({ libraries: 2, files: 1 })
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

  test('pages of every order and filter hold each file once, in the order of the names', async () => {
    const { ledger } = await make()
    const world = makeWorld(2_600)
    // More than are put in order at once, so that every way of reading is taken.
    await ledger.applyToLibrary(KEY, world)
    await ledger.applyToLibrary({ ...KEY, owner: 'bob' }, world)

    for (const asked of everyQuery()) {
      const { files, folders } = await readAll(ledger, { ...QUERY, ...asked, limit: 500 })
      const expected = world.files.filter((file) => isWanted(file, asked)).sort(inOrder(asked))
      const name = JSON.stringify(asked)
      expect(
        files.map(({ messageId }) => messageId),
        name,
      ).toEqual(expected.map(({ messageId }) => messageId))
      expect(new Set(folders).size, name).toBe(folders.length)
    }
  }, 60_000)

  test('folders are paged as files are, by name, and searched by name', async () => {
    const { ledger } = await make()
    const names = Array.from({ length: 25 }, (_, n) => `Folder ${n}`)
    await ledger.applyToLibrary(KEY, {
      folders: [
        ...names.map((name, n) => makeFolder(n + 1, hexId(n), name, { parentId: null })),
        makeFolder(100, hexId(100), 'Ménage', { parentId: hexId(3) }),
      ],
      files: [makeFile(200, { folderId: hexId(100), size: 7 })],
    })
    const paths = async (query: Partial<LibraryQuery>) =>
      (await readAll(ledger, { ...QUERY, limit: 10, ...query })).folders

    expect(await paths({})).toEqual(names.map((name) => `/${name}`))
    expect(await paths({ recursive: true })).toEqual(names.map((name) => `/${name}`))
    expect(await paths({ path: ['Folder 3'] })).toEqual(['/Folder 3/Ménage'])
    expect(await paths({ words: ['menage'] })).toEqual([])
    expect(await paths({ words: ['menage'], recursive: true })).toEqual(['/Folder 3/Ménage'])
    expect(await paths({ words: ['menage'], recursive: true, path: ['Folder 4'] })).toEqual([])
    const page = await ledger.libraryPage(KEY, { ...QUERY, path: ['Folder 3'] })
    expect(page?.folders).toEqual([{ path: ['Folder 3', 'Ménage'], files: 1, bytes: 7 }])
  })

  test('an empty library is an empty root, and a folder that is not there is none', async () => {
    const { ledger } = await make()
    const empty = { files: [], folders: [], next: null }

    expect(await ledger.libraryPage(KEY, QUERY)).toEqual(empty)
    expect(await ledger.libraryPage(KEY, { ...QUERY, path: ['A'] })).toBeNull()
    await ledger.applyToLibrary(KEY, { sync: SYNC })
    expect(await ledger.libraryPage(KEY, QUERY)).toEqual(empty)
    await ledger.applyToLibrary(KEY, { folders: [makeFolder(1, PHOTOS, 'A')] })
    expect(await ledger.libraryPage(KEY, { ...QUERY, path: ['A'] })).toEqual(empty)
  })

  test('what is written between two pages is seen, and nothing comes twice', async () => {
    const { ledger } = await make()
    const files = Array.from({ length: 5 }, (_, n) => makeFile(n + 1, { name: `${n}` }))
    await ledger.applyToLibrary(KEY, { files })
    const query = { ...QUERY, sort: 'name', descending: false, limit: 2 } as const
    const first = await ledger.libraryPage(KEY, query)

    await ledger.applyToLibrary(KEY, { files: [makeFile(9, { name: '2b' })], gone: [2, 4] })
    const second = await ledger.libraryPage(KEY, { ...query, after: first?.next ?? QUERY.after })

    expect(first?.files.map(({ name }) => name)).toEqual(['0', '1'])
    expect(second?.files.map(({ name }) => name)).toEqual(['2', '2b'])
  })

  test.each(['"', "'", '%', '_', '*', 'a"b OR c', '\\', '日本', '😀😀😀', 'NOT', 'a:b', '^abc'])(
    'the word %j is found as it is, and is no part of a query',
    async (word) => {
      const { ledger } = await make()
      const folded = searchWords(word)
      const many = Array.from({ length: 2_100 }, (_, n) => makeFile(n + 10))
      const hit = makeFile(1, { name: `x${word}y` })
      await ledger.applyToLibrary(KEY, { files: [...many, hit] })

      const page = await ledger.libraryPage(KEY, { ...QUERY, recursive: true, words: folded })

      expect(page?.files.map(({ messageId }) => messageId)).toEqual([1])
    },
  )
}

const QUERY: LibraryQuery = {
  path: [],
  recursive: false,
  words: [],
  kind: null,
  sort: 'date',
  descending: true,
  limit: 100,
  after: { file: 'start', folder: 'start' },
}

type Asked = Pick<LibraryQuery, 'path' | 'recursive' | 'words' | 'kind' | 'sort' | 'descending'>

function* everyQuery(): Generator<Asked> {
  for (const path of [[], ['Photos'], ['Photos', 'Summer']]) {
    for (const recursive of [false, true]) {
      for (const words of [[], ['img'], ['img', 'b'], ['z'], ['img 11'], ['1'], ['nowhere']]) {
        for (const kind of [null, 'video'] as const) {
          for (const sort of ['name', 'size', 'date'] as const) {
            yield { path, recursive, words, kind, sort, descending: false }
            yield { path, recursive, words, kind, sort, descending: true }
          }
        }
      }
    }
  }
}

function hexId(n: number): string {
  return n.toString(16).padStart(32, '0')
}

/** Many files in the root, and some in `/Photos`, in its twin, and in `/Photos/Summer`. */
function makeWorld(size: number): { files: FileRow[]; folders: FolderPost[] } {
  const places = [null, null, hexId(1), hexId(2), hexId(3), hexId(99)]
  const files = Array.from({ length: size }, (_, n) =>
    makeFile(n + 10, {
      name: `${n % 3 === 0 ? 'IMG' : 'doc'} ${(n * 7919) % size}${n % 5 === 0 ? ' ünique b' : ''}.${n % 4 === 0 ? 'mp4' : 'bin'}`,
      folderId: places[n % places.length] ?? null,
      size: (n * 31) % 40,
    }),
  )
  const folders = [
    makeFolder(1, hexId(1), 'Photos'),
    makeFolder(2, hexId(2), 'Photos'),
    makeFolder(3, hexId(3), 'Summer', { parentId: hexId(2) }),
  ]
  return { files, folders }
}

function isWanted(file: FileRow, { path, recursive, words, kind }: Asked): boolean {
  const inPhotos = file.folderId === hexId(1) || file.folderId === hexId(2)
  const at = inPhotos ? 1 : file.folderId === hexId(3) ? 2 : 0
  const isInside = recursive ? at >= path.length : at === path.length
  const folded = foldName(file.name)
  const isOfKind = kind === null || file.name.endsWith('.mp4')
  return isInside && isOfKind && words.every((word) => folded.includes(word))
}

function inOrder({ sort, descending }: Asked): (a: FileRow, b: FileRow) => number {
  const key = (file: FileRow): string | number =>
    sort === 'name' ? sortName(foldName(file.name)) : sort === 'size' ? file.size : file.messageId
  const sign = descending ? -1 : 1
  return (a, b) => {
    if (key(a) === key(b)) return sign * (a.messageId - b.messageId)
    return key(a) < key(b) ? -sign : sign
  }
}

/** All pages of a query. */
async function readAll(ledger: Catalogue, query: LibraryQuery) {
  const files: ShownFile[] = []
  const folders: string[] = []
  for (let after: LibraryPosition | null = query.after; after !== null; ) {
    const page: LibraryPage | null = await ledger.libraryPage(KEY, { ...query, after })
    if (page === null) throw new Error('there is no such folder')
    expect(page.files.length).toBeLessThanOrEqual(query.limit)
    files.push(...page.files)
    folders.push(...page.folders.map(({ path }) => `/${path.join('/')}`))
    after = page.next
  }
  return { files, folders }
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
