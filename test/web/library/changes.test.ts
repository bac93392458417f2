import type { TransferProgress } from 'telestore-client'
import { expect, test, vi } from 'vitest'
import { canMove, createChanges } from '../../../src/web/library/changes.ts'
import { fileEntry, folderEntry, makeItem } from './entries.ts'

test.each([
  ['a file into another folder', [fileEntry(1)], '/a', true],
  ['a file to where it is', [fileEntry(1, '/a')], '/a', false],
  ['a folder into another one', [folderEntry('/a')], '/b', true],
  ['a folder to where it is', [folderEntry('/a/b')], '/a', false],
  ['a folder into itself', [folderEntry('/a')], '/a', false],
  ['a folder below itself', [folderEntry('/a')], '/a/b', false],
  ['a folder beside one whose name begins alike', [folderEntry('/a')], '/ab', true],
  ['several, one of which is there already', [fileEntry(1), fileEntry(2, '/b')], '/b', false],
])('%s: whether that can be moved', (_what, entries, folder, isPossible) => {
  expect(canMove(entries, folder)).toBe(isPossible)
})

test('many files are deleted by jobs of a thousand, and a folder with all that is in it', async () => {
  const { changes, calls, onChanged } = start()
  const files = Array.from({ length: 1001 }, (_, index) => fileEntry(index + 1))

  changes.deletes.add([folderEntry('/a'), ...files])
  changes.deletes.flush()
  await vi.waitFor(() => expect(onChanged).toHaveBeenCalledOnce())

  expect(calls).toEqual([
    'deleteFolder /a',
    'deleteItems 1000',
    'follow',
    'deleteItems 1',
    'follow',
  ])
  expect(changes.deletes.hidden.value.size).toBe(0)
})

test('a page that is left sends its deletions without waiting for their jobs', () => {
  const { changes, calls, lastCalls } = start()
  changes.deletes.add([folderEntry('/a'), fileEntry(1)])

  changes.leave()

  expect(calls).toEqual([])
  expect(lastCalls).toEqual(['deleteFolder /a', 'deleteItems 1'])
})

test('one file is moved by one call, several by a job, folders by their paths', async () => {
  const { changes, calls } = start()

  await changes.move([fileEntry(1)], '/to')
  await changes.move([fileEntry(1), fileEntry(2), folderEntry('/a/b')], '/to')

  expect(calls).toEqual([
    'place 1 {"folder":"/to"}',
    'moveFolder /a/b /to/b',
    'move 2 /to',
    'follow',
  ])
})

test('a folder keeps its place under a new name', async () => {
  const { changes, calls } = start()

  await changes.rename(folderEntry('/a/b'), 'c')
  await changes.rename(fileEntry(7), 'new.txt')

  expect(calls).toEqual(['moveFolder /a/b /a/c', 'place 7 {"fileName":"new.txt"}'])
})

test('what fails is told, and the list is read again', async () => {
  const { changes, onFailure, onChanged } = start({
    status: 'failed',
    reason: 'no right to delete',
  })

  await changes.move([fileEntry(1), fileEntry(2)], '/to')

  expect(onFailure).toHaveBeenCalledExactlyOnceWith(new Error('no right to delete'))
  expect(onChanged).toHaveBeenCalledOnce()
  expect(changes.busy.value).toBe(null)
})

function start(end: Partial<TransferProgress> = {}) {
  const calls: string[] = []
  const lastCalls: string[] = []
  const onFailure = vi.fn()
  const onChanged = vi.fn(async () => {})
  const job = makeJob({})
  const changes = createChanges({
    client: {
      library: fakeLibrary(calls, job),
      follow: async () => {
        calls.push('follow')
        return makeJob({ status: 'completed', ...end })
      },
    },
    lastClient: { library: fakeLibrary(lastCalls, job) },
    onFailure,
    onChanged,
  })
  return { changes, calls, lastCalls, onFailure, onChanged }
}

function fakeLibrary(calls: string[], job: TransferProgress) {
  return {
    place: async (messageId: number, place: object) => {
      calls.push(`place ${messageId} ${JSON.stringify(place)}`)
      return makeItem(messageId - 1)
    },
    move: async (ids: readonly number[], folder: string) => {
      calls.push(`move ${ids.length} ${folder}`)
      return job
    },
    moveFolder: async (path: string, to: string) => {
      calls.push(`moveFolder ${path} ${to}`)
      return { path: to, name: '', files: 0, bytes: 0 }
    },
    makeFolder: async (path: string) => ({ path, name: '', files: 0, bytes: 0 }),
    delete: async (messageId: number) => void calls.push(`delete ${messageId}`),
    deleteItems: async (ids: readonly number[]) => {
      calls.push(`deleteItems ${ids.length}`)
      return job
    },
    deleteFolder: async (path: string) => {
      calls.push(`deleteFolder ${path}`)
      return null
    },
  }
}

function makeJob(part: Partial<TransferProgress>): TransferProgress {
  return {
    ...{ uploadId: 'library-1', status: 'uploading', progress: 0, telegramPercent: 0, phase: null },
    ...{ error: null, reason: null, messageId: null, fileId: null, sha256: null, retryAfter: null },
    ...part,
  }
}
