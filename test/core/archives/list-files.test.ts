import { expect, test } from 'vitest'
import { listFiles } from '../../../src/core/archives/list-files.ts'
import type { Catalogue, FileRow } from '../../../src/core/ports/catalogue.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import { createFakeChannel } from '../../helpers/peers/fake-channel.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const ANN: Credentials = {
  ...{ userId: 'ann', botToken: null, channelId: '-1001' },
  ...{ session: 'session', apiId: 1, apiHash: 'hash' },
}
const { signal } = new AbortController()

function start() {
  const ledger = createMemoryLedger()
  const channel = createFakeChannel()
  const list = (wish: Parameters<typeof listFiles>[2]['wish'], catalogue: Catalogue = ledger) =>
    listFiles({ catalogue, channel, now: () => 0 }, ANN, { wish, signal })
  return { ledger, channel, list }
}

test.each([
  [65_535, null],
  [65_536, 'folder /: an archive has 65535 files at the most'],
])('an archive of %i files is refused with %j', async (count, error) => {
  const { ledger, list } = start()
  const fileIds = Array.from({ length: count }, (_, n) => n + 1)
  await ledger.applyToLibrary(KEY, { files: [makeFile(1, { documentId: '1' })] })
  const [file] = await ledger.libraryFiles(KEY, [1])
  const catalogue: Catalogue = {
    ...ledger,
    libraryTree: async () => ({ fileIds, folderIds: [], emptyFolders: [], depth: 0, bytes: 0 }),
    libraryFiles: async (_key, ids) =>
      ids.flatMap((id) => (file ? { ...file, messageId: id } : [])),
  }

  const listing = list({ kind: 'folder', path: [] }, catalogue)

  if (error === null) expect((await listing).list.entries).toHaveLength(count)
  else await expect(listing).rejects.toMatchObject({ code: 'INVALID_REQUEST', message: error })
})

test('the channel is asked for what the library does not know, once', async () => {
  const { ledger, channel, list } = start()
  const known = channel.add('', { fileName: 'known.bin' })
  const unknown = channel.add('', { fileName: 'unknown.bin' })
  const file: FileRow = makeFile(known, { name: 'known.bin', size: 10 })
  await ledger.applyToLibrary(KEY, { files: [file] })
  const wish = { kind: 'items', messageIds: [unknown, known] } as const

  const { list: first } = await list(wish)
  channel.messages = async () => {
    throw new Error('it is asked again')
  }
  const { list: second } = await list(wish)

  expect(first.entries.map(({ path }) => path)).toEqual(['unknown.bin', 'known.bin'])
  expect(first.entries.every(({ documentId }) => documentId !== null)).toBe(true)
  expect(second).toEqual(first)
})

test('a list stays the same when the channel tells the whole second of an upload', async () => {
  const { ledger, list } = start()
  const postedAt = Date.UTC(2026, 10, 29, 12, 0, 5)
  const wish = { kind: 'items', messageIds: [1] } as const
  await ledger.applyToLibrary(KEY, { files: [makeFile(1, { postedAt: postedAt + 420 })] })
  const { list: before } = await list(wish)

  await ledger.applyToLibrary(KEY, { files: [makeFile(1, { postedAt })] })

  expect((await list(wish)).list).toEqual(before)
})
