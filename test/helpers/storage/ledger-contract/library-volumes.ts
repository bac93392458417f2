import { expect, test } from 'vitest'
import type { LibraryKey, VolumePost } from '../../../../src/core/ports/catalogue.ts'
import { failure, makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { type MakeLedger, NOW, RESULT } from './fixtures.ts'
import { makeFile, makeFolder } from './library.ts'

const KEY: LibraryKey = { owner: 'ann', channelId: '-1001' }
const ID = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const PHOTOS = 'c'.repeat(32)

export function makeVolume(messageId: number, change: Partial<VolumePost> = {}): VolumePost {
  return {
    ...{ messageId, captionId: ID, number: messageId, of: 3, size: 100, name: 'film.mp4' },
    ...{ postedAt: NOW, editedAt: null },
    ...change,
  }
}

const VOLUMES = [makeVolume(1), makeVolume(2), makeVolume(3, { size: 7 })]
const MANIFEST = makeFile(4, { name: 'film.mp4', captionId: ID, isManifest: true, size: 55 })

/** What the catalogue knows of files that are made of volumes. */
export function keepsLibraryVolumes(make: MakeLedger): void {
  test.each(['volumes first', 'the manifest first'])(
    'a file of volumes is one file with the bytes of all of them: %s',
    async (order) => {
      const { ledger } = await make()
      const manifest = { ...MANIFEST, folderId: PHOTOS }
      const told = [{ volumes: VOLUMES }, { files: [manifest] }]
      for (const changes of order === 'volumes first' ? told : told.toReversed()) {
        await ledger.applyToLibrary(KEY, changes)
      }
      await ledger.applyToLibrary(KEY, { folders: [makeFolder(9, PHOTOS, 'Photos')] })

      expect(await ledger.libraryFile(KEY, 4)).toMatchObject({ size: 207, volumes: 3 })
      expect(await ledger.libraryFile(KEY, 1)).toBeNull()
      expect(await ledger.libraryFolder(KEY, ['Photos'])).toMatchObject({ files: 1, bytes: 207 })
      expect(await ledger.libraryVolumes(KEY, ID)).toEqual(VOLUMES)
      expect(await ledger.libraryVolume(KEY, 3)).toEqual(VOLUMES[2])
      expect(await ledger.libraryVolume(KEY, 4)).toBeNull()
      expect(await ledger.libraryLeftovers(KEY, { limit: 10 })).toEqual([])
    },
  )

  test('a volume that goes takes its bytes with it, and the manifest stays', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, { volumes: VOLUMES, files: [MANIFEST] })

    const { messageIds } = await ledger.applyToLibrary(KEY, { gone: [2] })

    expect(messageIds).toEqual([4])
    expect(await ledger.libraryFile(KEY, 4)).toMatchObject({ size: 107, volumes: 2 })
    expect(await ledger.libraryFolder(KEY, [])).toMatchObject({ files: 1, bytes: 107 })
  })

  test('of two volumes of one number the first counts, and a line of another count does not', async () => {
    const { ledger } = await make()
    const later = [
      makeVolume(7, { number: 2, size: 9_999 }),
      makeVolume(8, { number: 4, of: 4, size: 9_999 }),
    ]
    await ledger.applyToLibrary(KEY, { volumes: [...later, ...VOLUMES], files: [MANIFEST] })

    expect(await ledger.libraryFile(KEY, 4)).toMatchObject({ size: 207, volumes: 3 })
  })

  test('a whole answer that lacks a volume removes it; a newer row stays', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, { volumes: VOLUMES, files: [MANIFEST] })
    expect(await ledger.newestInLibrary(KEY)).toBe(4)
    await ledger.applyToLibrary(KEY, { volumes: [makeVolume(9, { captionId: OTHER })] })
    expect(await ledger.newestInLibrary(KEY)).toBe(9)

    const complete = { from: 1, to: 4 }
    await ledger.applyToLibrary(KEY, { volumes: VOLUMES.slice(0, 2), files: [MANIFEST], complete })

    expect(await ledger.libraryFile(KEY, 4)).toMatchObject({ size: 200, volumes: 2 })
    expect(await ledger.libraryVolume(KEY, 3)).toBeNull()
    expect(await ledger.libraryVolume(KEY, 9)).not.toBeNull()
  })

  test('a message that becomes something else is no volume any more, and the other way round', async () => {
    const { ledger } = await make()
    await ledger.applyToLibrary(KEY, { volumes: VOLUMES, files: [MANIFEST, makeFile(8)] })

    await ledger.applyToLibrary(KEY, {
      volumes: [makeVolume(8, { number: 3 })],
      files: [makeFile(3, { editedAt: NOW })],
    })

    expect(await ledger.libraryFile(KEY, 3)).toMatchObject({ size: 10, volumes: null })
    expect(await ledger.libraryFile(KEY, 8)).toBeNull()
    expect(await ledger.libraryFile(KEY, 4)).toMatchObject({ size: 300, volumes: 3 })
  })

  test('volumes without a manifest are left over, the newest first, each number once', async () => {
    const { ledger } = await make()
    const partial = makeVolume(20, { captionId: OTHER, number: 2, of: 9, name: 'other.zip' })
    await ledger.applyToLibrary(KEY, {
      volumes: [...VOLUMES, makeVolume(5, { number: 1 }), partial],
    })

    const left = await ledger.libraryLeftovers(KEY, { limit: 10 })

    expect(left).toEqual([
      { captionId: OTHER, name: 'other.zip', volumes: 1, of: 9, bytes: 100, postedAt: NOW },
      { captionId: ID, name: 'film.mp4', volumes: 3, of: 3, bytes: 207, postedAt: NOW },
    ])
    expect(await ledger.libraryLeftovers(KEY, { limit: 1 })).toEqual(left.slice(0, 1))
    expect(await ledger.libraryLeftovers({ ...KEY, owner: 'bob' }, { limit: 10 })).toEqual([])
  })

  test('volumes of an upload that goes on, or whose posts are being deleted, are not left over', async () => {
    const { ledger } = await make()
    const upload = makeUpload({ ...LARGE, captionId: ID, owner: 'ben' })
    await insertUpload(ledger, upload, 'token')
    await ledger.fixVolumeChannel(upload.id, KEY.channelId)
    await ledger.postVolume(upload.id, POSTED, { freedChunks: 0, now: NOW })
    await ledger.applyToLibrary(KEY, { volumes: VOLUMES })
    expect(await ledger.libraryLeftovers(KEY, { limit: 10 })).toEqual([])

    await ledger.failUpload(upload.id, failure('no', NOW))
    expect(await ledger.libraryLeftovers(KEY, { limit: 10 })).toEqual([])

    const [cleanup] = await ledger.volumeCleanups()
    await ledger.endVolumeCleanup(cleanup?.id ?? 0)
    expect(await ledger.libraryLeftovers(KEY, { limit: 10 })).toHaveLength(1)
  })

  test('an upload that is complete is in the library with its volumes', async () => {
    const { ledger } = await make()
    const upload = makeUpload({ ...LARGE, captionId: ID })
    await insertUpload(ledger, upload, 'token')
    await ledger.postVolume(upload.id, POSTED, { freedChunks: 0, now: NOW })
    const file = { ...MANIFEST, size: 9, messageId: 50 }
    const library = { key: KEY, file, deletion: null }

    await ledger.completeUpload(upload.id, { result: RESULT, webhook: null, library, now: NOW })

    expect(await ledger.libraryVolumes(KEY, ID)).toEqual([
      makeVolume(POSTED.messageId, { number: 1, of: 1, size: POSTED.size }),
    ])
    expect(await ledger.libraryFile(KEY, 50)).toMatchObject({ size: POSTED.size, volumes: 1 })
  })
}

const LARGE = { size: 10_000, totalChunks: 10, chunkSize: 1000, volumeBytes: 4000 }
const POSTED = {
  ...{ number: 1, messageId: 41, documentId: '5', fileId: null, size: 10_000 },
  ...{ crc32: '00000001', hashState: Uint8Array.of(1) },
}
