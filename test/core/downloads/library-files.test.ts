import { expect, test, vi } from 'vitest'
import { createLibraryFiles } from '../../../src/core/downloads/library-files.ts'
import type { ShownFile } from '../../../src/core/ports/catalogue.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { RemoteDocument } from '../../../src/core/ports/telegram.ts'
import { documentFileIdOf } from '../../helpers/peers/fake-gateway.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'

const never = new AbortController().signal
const FILE_ID = documentFileIdOf(7)
const OTHER_ID = documentFileIdOf(8)
const ANN: Credentials = {
  userId: 'ann',
  botToken: '1:b',
  channelId: '-1001',
  session: null,
  apiId: null,
  apiHash: null,
}
const DOCUMENT: RemoteDocument = {
  id: '1007',
  size: 100,
  fileName: 'film.mkv.telestore.json',
  mimeType: 'application/json',
  modifiedAt: null,
  caption: null,
  road: 'bot-api',
  locator: null,
}
const ROW: ShownFile = {
  ...makeFile(7, { name: 'film.mkv.telestore.json' }),
  ...{ hasThumbnail: false, thumbnailId: null, documentId: '1007', isMeasured: true },
  ...{ mimeType: 'application/json', volumes: null, kind: 'other', path: [] },
  fileId: FILE_ID,
}

test.each<
  [string, 'bot-api' | 'mtproto-bot', Partial<ShownFile> | null, string | undefined, boolean]
>([
  ['a file of its own', 'bot-api', { volumes: null }, undefined, false],
  ['a file of its own that is named', 'bot-api', { volumes: null }, FILE_ID, false],
  ['a file of volumes', 'bot-api', { volumes: 3 }, undefined, true],
  ['another file than the one that is named', 'bot-api', { volumes: null }, OTHER_ID, true],
  ['nothing', 'bot-api', null, FILE_ID, true],
  [
    'a file of its own, and its line tells what it is',
    'mtproto-bot',
    { volumes: null },
    undefined,
    true,
  ],
])(
  'where the library knows %s (%s) it is looked whether the document is a manifest: %#',
  async (_, road, listed, fileId, looks) => {
    const open = vi.fn(async () => null)
    const row = listed && { ...ROW, ...listed }
    const files = createLibraryFiles({
      gateway: { locate: async () => ({ ...DOCUMENT, road }) },
      manifests: { open },
      catalogue: { libraryFile: async () => row },
      reader: { read: async function* () {} },
    })

    await files.open({ credentials: ANN, messageId: 7, fileId }, never)

    expect(open).toHaveBeenCalledTimes(looks ? 1 : 0)
  },
)
