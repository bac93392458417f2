import { expect, test } from 'vitest'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import { placeUpload } from '../../../src/core/uploads/place-upload.ts'
import { makeFile, makeFolder } from '../../helpers/storage/ledger-contract/library.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const PHOTOS = 'a'.repeat(32)
const ANN: Credentials = {
  ...{ userId: 'ann', botToken: null, channelId: '-1001', session: 's', apiId: 1, apiHash: 'h' },
}
const NOWHERE = { givenName: null, folderId: null, replaces: null }

test('a file without wishes goes into the root under its name, whatever else is there', async () => {
  const { place } = await start()
  expect(await place('cat.jpg', [], null)).toEqual({ ...NOWHERE, fileName: 'cat.jpg', folder: [] })
})

test('the id of a folder that is known is noted, so that the file finds it when it is renamed', async () => {
  const { place } = await start()
  expect(await place('b', ['Photos'], null)).toMatchObject({ folderId: PHOTOS })
  expect(await place('b', ['Videos'], null)).toMatchObject({ folder: ['Videos'], folderId: null })
})

test.each([
  ['cat.jpg', ['Photos'], 'cat (3).jpg'],
  ['dog.jpg', ['Photos'], 'dog.jpg'],
  ['cat.jpg', ['Videos'], 'cat.jpg'],
  ['Me\u0301nage.txt', [], 'Me\u0301nage (2).txt'],
])('keep-both: %j in %j is named %j', async (fileName, folder, chosen) => {
  const { place } = await start()
  const givenName = chosen === fileName ? null : fileName
  expect(await place(fileName, folder, 'keep-both')).toMatchObject({ fileName: chosen, givenName })
})

test('reject: a name that the folder has is refused, and says which message has it', async () => {
  const { place } = await start()
  await expect(place('cat.jpg', ['Photos'], 'reject')).rejects.toMatchObject({
    code: 'FILE_EXISTS',
    message: '/Photos/cat.jpg is in the library already',
    details: { messageId: 12 },
  })
  expect(await place('cat.jpg', [], 'reject')).toMatchObject({ fileName: 'cat.jpg' })
})

test('replace: the newest file of the name goes, and no other', async () => {
  const { place } = await start()
  expect(await place('cat.jpg', ['Photos'], 'replace')).toMatchObject({
    fileName: 'cat.jpg',
    replaces: { channelId: '-1001', messageId: 12 },
  })
  expect(await place('new.jpg', ['Photos'], 'replace')).toMatchObject({ replaces: null })
})

async function start() {
  const ledger = createMemoryLedger()
  await ledger.applyToLibrary(KEY, {
    folders: [makeFolder(1, PHOTOS, 'Photos')],
    files: [
      makeFile(11, { name: 'cat.jpg', folderId: PHOTOS }),
      makeFile(12, { name: 'cat.jpg', folderId: PHOTOS }),
      makeFile(13, { name: 'cat (2).jpg', folderId: PHOTOS }),
      makeFile(14, { name: 'Ménage.txt' }),
    ],
  })
  type Wanted = Parameters<typeof placeUpload>[2]
  return {
    place: (fileName: string, folder: string[], onConflict: Wanted['onConflict']) =>
      placeUpload(ledger, ANN, { fileName, folder, onConflict }),
  }
}
