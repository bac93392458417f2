import { expect, test } from 'vitest'
import type { LibraryKey } from '../../../../src/core/ports/catalogue.ts'
import type { PostNote } from '../../../../src/core/ports/channel.ts'
import type { NewLibraryJob } from '../../../../src/core/ports/library-jobs.ts'
import { makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { type MakeLedger, NOW, RESULT } from './fixtures.ts'
import { makeFile, makeFolder } from './library.ts'

const KEY: LibraryKey = { owner: 'ann', channelId: '-1001' }
const [A, B, C] = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)]
const NOTE: PostNote = { actor: 'user', randomId: '-77', newestMessageId: 5, attempts: 1 }

function makeJob(change: Partial<NewLibraryJob> = {}): NewLibraryJob {
  return {
    id: 'library-1',
    key: KEY,
    kind: 'move',
    target: ['Photos', 'Rom 2026'],
    items: [
      { messageId: 7, isFolder: false, captionId: null },
      { messageId: 9, isFolder: true, captionId: A },
    ],
    token: 'token',
    now: NOW,
    ...change,
  }
}

/** What is promised of jobs that change a library, and of folders that are being made. */
export function keepsLibraryJobs(make: MakeLedger): void {
  test('a job of a library is remembered field by field, and its items in their order', async () => {
    const { ledger } = await make()

    const opened = await ledger.openLibraryJob(makeJob(), 9)

    expect(opened).toEqual({
      ...{ id: 'library-1', key: KEY, kind: 'move', target: ['Photos', 'Rom 2026'] },
      ...{ state: 'running', total: 2, done: 0, failed: 0, reason: null },
      ...{ createdAt: NOW, finishedAt: null },
    })
    expect(await ledger.libraryJob('library-1')).toEqual(opened)
    expect(await ledger.libraryJobToken('library-1')).toBe('token')
    expect(await ledger.openLibraryItems('library-1', 9)).toEqual([
      { position: 0, messageId: 7, isFolder: false, captionId: null, note: null },
      { position: 1, messageId: 9, isFolder: true, captionId: A, note: null },
    ])
    expect(await ledger.libraryJob('library-2')).toBeNull()
  })

  test('an owner has a limited number of unfinished jobs of the library', async () => {
    const { ledger } = await make()
    await ledger.openLibraryJob(makeJob(), 1)

    expect(await ledger.openLibraryJob(makeJob({ id: 'library-2' }), 1)).toBeNull()
    const bobs = makeJob({ id: 'library-3', key: { ...KEY, owner: 'bob' } })
    expect(await ledger.openLibraryJob(bobs, 1)).not.toBeNull()
    await ledger.endLibraryJob('library-1', null, NOW + 1)
    expect(await ledger.openLibraryJob(makeJob({ id: 'library-2' }), 1)).not.toBeNull()

    const mine = await ledger.libraryJobsOf('ann', 9)
    expect(mine.map(({ id, state }) => [id, state])).toEqual([
      ['library-2', 'running'],
      ['library-1', 'completed'],
    ])
    const unfinished = await ledger.unfinishedLibraryJobs()
    expect(unfinished.map(({ id }) => id).sort()).toEqual(['library-2', 'library-3'])
  })

  test('items are settled once, together with what they have changed', async () => {
    const { ledger } = await make()
    await ledger.openLibraryJob(makeJob(), 9)
    await ledger.saveLibraryItemNote('library-1', 1, NOTE)
    expect((await ledger.openLibraryItems('library-1', 9))[1]?.note).toEqual(NOTE)
    const first = [{ position: 0, reason: null }]

    const bad = ledger.settleLibraryItems('library-1', first, {
      files: [makeFile(7, { size: 0.5 })],
    })
    await expect(bad).rejects.toThrow()
    expect(await ledger.libraryJob('library-1')).toMatchObject({ done: 0 })
    const { job, effect } = await ledger.settleLibraryItems('library-1', first, {
      files: [makeFile(7)],
    })
    const again = await ledger.settleLibraryItems('library-1', first, {})
    await ledger.settleLibraryItems('library-1', [{ position: 1, reason: 'It is gone' }], {})

    expect(job).toMatchObject({ done: 1, failed: 0, reason: null })
    expect(effect).toEqual({ messageIds: [7] })
    expect(again.job).toMatchObject({ done: 1 })
    expect(await ledger.libraryFile(KEY, 7)).not.toBeNull()
    expect(await ledger.libraryJob('library-1')).toMatchObject({
      ...{ done: 1, failed: 1, reason: 'It is gone', state: 'running' },
    })
    expect(await ledger.openLibraryItems('library-1', 9)).toEqual([])
  })

  test('a job of a library ends once, its token is erased, and later it is forgotten', async () => {
    const { ledger } = await make()
    await ledger.openLibraryJob(makeJob(), 9)

    const ended = await ledger.endLibraryJob('library-1', 'Sign in again', NOW + 5)

    expect(ended).toMatchObject({ state: 'failed', reason: 'Sign in again', finishedAt: NOW + 5 })
    expect(await ledger.endLibraryJob('library-1', null, NOW + 6)).toEqual(ended)
    expect(await ledger.libraryJobToken('library-1')).toBeNull()
    await ledger.forgetLibraryJobs(NOW + 4)
    expect(await ledger.libraryJob('library-1')).toEqual(ended)
    await ledger.forgetLibraryJobs(NOW + 5)
    expect(await ledger.libraryJob('library-1')).toBeNull()
    expect(await ledger.endLibraryJob('library-1', null, NOW)).toBeNull()
  })

  test('what a file replaces is deleted by a job that is there once the file is completed', async () => {
    const { ledger } = await make()
    const { id } = makeUpload()
    await insertUpload(ledger, makeUpload(), 'token')
    const deletion = makeJob({ kind: 'delete', target: null })
    const library = { key: KEY, file: makeFile(8), deletion }
    const completion = { result: { ...RESULT, digests: null }, webhook: null, library, now: NOW }

    expect(await ledger.libraryJob(deletion.id)).toBeNull()
    await ledger.completeUpload(id, completion)
    await ledger.completeUpload(id, completion)

    expect(await ledger.unfinishedLibraryJobs()).toMatchObject([{ id: deletion.id, total: 2 }])
    expect(await ledger.libraryJobToken(deletion.id)).toBe('token')
  })

  test('callers that want one new folder at once get one draft, until it is settled', async () => {
    const { ledger } = await make()
    const wanted = { name: 'Photos', parentId: null, now: NOW }
    // Either call may be the first one to reach the database.
    const [first, second] = await Promise.all([
      ledger.draftFolder(KEY, { ...wanted, folderId: A }),
      ledger.draftFolder(KEY, { ...wanted, folderId: B }),
    ])
    const { folderId } = first
    const other = await ledger.draftFolder(KEY, { ...wanted, parentId: folderId, folderId: C })
    await ledger.saveFolderNote(KEY, folderId, NOTE)

    expect([A, B]).toContain(folderId)
    expect(first.note).toBeNull()
    expect(second).toEqual(first)
    expect(other.folderId).toBe(C)
    const late = await ledger.draftFolder(KEY, { ...wanted, folderId: 'd'.repeat(32) })
    expect(late).toEqual({ folderId, note: NOTE })
    const effect = await ledger.settleFolder(KEY, folderId, {
      folders: [makeFolder(3, folderId, 'Photos')],
    })
    expect(effect).toEqual({ messageIds: [3] })
    expect(await ledger.libraryFolder(KEY, ['Photos'])).toMatchObject({ folderId })
    const next = 'e'.repeat(32)
    expect((await ledger.draftFolder(KEY, { ...wanted, folderId: next })).folderId).toBe(next)
  })

  test('the tree of a folder has all that is shown in it, the deepest folders first', async () => {
    const { ledger } = await make()
    const D = 'd'.repeat(32)
    await ledger.applyToLibrary(KEY, {
      folders: [
        makeFolder(1, A, 'Photos'),
        makeFolder(2, B, 'Rome', { parentId: A }),
        makeFolder(3, C, 'Day 1', { parentId: B }),
        // Shown as the first one.
        makeFolder(4, D, 'Photos'),
      ],
      files: [
        makeFile(10, { folderId: A }),
        makeFile(11, { folderId: C }),
        makeFile(12, { folderId: D }),
        makeFile(13),
      ],
    })

    const tree = await ledger.libraryTree(KEY, ['Photos'])

    expect([...(tree?.fileIds ?? [])].sort()).toEqual([10, 11, 12])
    expect(tree).toMatchObject({ folderIds: [3, 2, 4, 1], depth: 2, bytes: 11, emptyFolders: [] })
    expect(await ledger.libraryTree(KEY, ['Photos', 'Rome', 'Day 1'])).toEqual({
      ...{ fileIds: [11], folderIds: [3], emptyFolders: [], depth: 0, bytes: 0 },
    })
    expect(await ledger.libraryTree(KEY, ['Videos'])).toBeNull()
    expect(await ledger.libraryTree({ ...KEY, owner: 'bob' }, [])).toBeNull()

    await ledger.applyToLibrary(KEY, { gone: [11] })

    const emptied = await ledger.libraryTree(KEY, ['Photos'])
    expect(emptied?.emptyFolders).toEqual([['Rome', 'Day 1']])
  })

  test('where an upload goes is remembered field by field', async () => {
    const { ledger } = await make()
    const upload = makeUpload({
      ...{ folder: ['Photos', 'Rome'], givenName: 'a.bin', folderId: A },
      replaces: { channelId: '-1001', messageId: 7 },
    })
    await insertUpload(ledger, upload, 'token')

    expect(await ledger.findUpload(upload.id)).toEqual(upload)
    await ledger.saveUploadFolder(upload.id, B)
    expect(await ledger.findUpload(upload.id)).toEqual({ ...upload, folderId: B })
  })
}
