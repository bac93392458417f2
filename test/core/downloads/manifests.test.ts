import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { createBlockCache } from '../../../src/core/downloads/block-cache.ts'
import { createDocumentReader } from '../../../src/core/downloads/document-reader.ts'
import { createManifests } from '../../../src/core/downloads/manifests.ts'
import { manifestCaption, volumeCaption } from '../../../src/core/model/volumes/captions.ts'
import {
  encodeManifest,
  MANIFEST_BEGINNING,
  type Manifest,
} from '../../../src/core/model/volumes/manifest.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { RemoteDocument } from '../../../src/core/ports/telegram.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'

const never = new AbortController().signal
const ID = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const MANIFEST = 4
/** Two whole volumes and the rest. */
const SIZES = [2 * MiB, 2 * MiB, MiB / 2 + 5]
const BYTES = Buffer.alloc(SIZES.reduce((sum, size) => sum + size, 0))
for (let at = 0; at < BYTES.length; at += 997) BYTES[at] = at % 251

test('the bytes of all volumes are those of the file', async () => {
  const { open } = start()

  const file = await open()

  expect(file?.manifest).toMatchObject({ name: 'film.mp4', size: BYTES.length })
  expect((await read(file, 0, BYTES.length - 1)).equals(BYTES)).toBe(true)
})

test.each([
  ['the first byte', 0, 0],
  ['the end of a volume', 2 * MiB - 9, 2 * MiB - 1],
  ['a border', 2 * MiB - 1, 2 * MiB],
  ['a whole volume and its neighbours', 2 * MiB - 1, 4 * MiB],
  ['the last byte', BYTES.length - 1, BYTES.length - 1],
])('%s is read to the byte', async (_, first, last) => {
  const file = await start().open()

  expect((await read(file, first, last)).equals(BYTES.subarray(first, last + 1))).toBe(true)
})

test('a file that is open is sought by one request, and by two over a border', async () => {
  const { open, gateway, located } = start({ cacheBytes: 0 })
  await read(await open(), 0, 0)
  const [before, seeks] = [gateway.blocks.length, located.length]

  await read(await open(), 3 * MiB, 3 * MiB + 99)
  const one = gateway.blocks.length
  await read(await open(), 2 * MiB - 9, 2 * MiB + 9)

  expect([one - before, gateway.blocks.length - one]).toEqual([1, 2])
  expect(located.length).toBe(seeks)
})

test('two readers of one file share what they read of its volumes', async () => {
  const { open, gateway } = start()
  const file = await open()
  const before = gateway.readBytes

  await Promise.all([read(file, 0, BYTES.length - 1), read(await open(), 0, BYTES.length - 1)])

  expect(gateway.readBytes - before).toBe(BYTES.length)
})

const edit = (changes: Partial<Manifest>) => (manifest: Manifest) =>
  encodeManifest({ ...manifest, ...changes })

interface Row {
  name: string
  /** What stands in the manifest's document. */
  holds?: (manifest: Manifest) => Buffer
  caption?: string | null
  /** The captions of volumes, by their number. */
  captions?: Record<number, string | null>
  /** What the opening says. */
  ends: RegExp | null
}

const volumeLine = (id: string, number: number, of: number) =>
  volumeCaption(
    { id, name: 'film.mp4', folderId: null, modifiedAt: null },
    { number, of, crc32: '00000000', wholeSha256: null },
  )
const manifestLine = (id: string) =>
  manifestCaption(
    { id, name: 'film.mp4', folderId: null, modifiedAt: null },
    { sha256: 'c'.repeat(64), crc32: '00000000' },
  )
const swapped = ({ volumes, ...rest }: Manifest) =>
  encodeManifest({ ...rest, volumes: volumes.toReversed() })

test.each<Row>([
  {
    name: 'of which the line says that it is a file',
    caption: `#telestore v=1 id=${ID}`,
    ends: null,
  },
  { name: 'without a line', caption: 'holiday', ends: null },
  { name: 'that was forwarded', caption: null, ends: null },
  { name: 'that holds another file', holds: () => Buffer.from('a film'), ends: null },
  { name: 'that holds other JSON', holds: () => Buffer.from('{"a":1}'), ends: null },
  {
    name: 'that only begins like one',
    holds: () => Buffer.from(`${MANIFEST_BEGINNING}"version":1`),
    ends: null,
  },
  {
    name: 'of a later version',
    holds: (manifest) =>
      Buffer.from(encodeManifest(manifest).toString().replace('"version":1', '"version":2')),
    ends: null,
  },
  { name: 'whose sizes do not add up', holds: edit({ size: 7 }), ends: null },
  {
    name: 'with 100,000 volumes',
    holds: (manifest) => {
      const volumes = Array.from({ length: 100_000 }, (_, n) => ({
        ...{ messageId: n + 1, documentId: '1', size: 1, crc32: '00000000', fileId: null },
      }))
      return encodeManifest({ ...manifest, size: 100_000, volumes })
    },
    ends: null,
  },
  {
    name: 'with the line of another file',
    caption: manifestLine(OTHER),
    ends: /that of another file/,
  },
  { name: 'with the id of another file', holds: edit({ id: OTHER }), ends: /that of another file/ },
  {
    name: 'that names volumes of another file',
    captions: { 2: volumeLine(OTHER, 2, 3) },
    ends: /volume 2 of 3 is not what/,
  },
  { name: 'that names a volume without a line', captions: { 1: '' }, ends: /volume 1 of 3 is not/ },
  { name: 'that names a forwarded volume', captions: { 1: null }, ends: /volume 1 of 3 is not/ },
  {
    name: 'that names a whole file as a volume',
    captions: { 3: `#telestore v=1 id=${ID} kind=file` },
    ends: /volume 3 of 3 is not/,
  },
  {
    name: 'that names a manifest as a volume',
    captions: { 3: manifestLine(ID) },
    ends: /volume 3 of 3 is not/,
  },
  { name: 'in another order', holds: swapped, ends: /volume 1 of 3 is not/ },
  {
    name: 'that leaves a volume away',
    holds: ({ volumes, ...rest }) =>
      encodeManifest({ ...rest, size: 4 * MiB, volumes: volumes.slice(0, 2) }),
    ends: /volume 1 of 2 is not/,
  },
  {
    name: 'that names itself',
    holds: ({ volumes, ...rest }) =>
      encodeManifest({
        ...rest,
        volumes: volumes.map((volume, n) =>
          n === 0 ? { ...volume, messageId: MANIFEST } : volume,
        ),
      }),
    ends: /volume 1 of 3 is not/,
  },
  {
    name: 'with another document id',
    holds: ({ volumes, ...rest }) =>
      encodeManifest({ ...rest, volumes: volumes.map((one) => ({ ...one, documentId: '7' })) }),
    ends: /volume 1 of 3 is not/,
  },
  {
    name: 'with other sizes of the same sum',
    holds: ({ volumes, ...rest }) =>
      encodeManifest({
        ...rest,
        volumes: volumes.map((one, n) => ({ ...one, size: one.size + ([-1, 1][n] ?? 0) })),
      }),
    ends: /volume 1 of 3 is not/,
  },
  {
    name: 'that names a message that is not there',
    holds: ({ volumes, ...rest }) =>
      encodeManifest({
        ...rest,
        volumes: volumes.map((one, n) => (n === 1 ? { ...one, messageId: 404 } : one)),
      }),
    ends: /volume 2 of 3 is missing/,
  },
])('no wrong bytes come of a manifest $name', async ({ ends, ...forged }) => {
  const { open } = start(forged)

  const opening = open()

  if (ends === null) expect(await opening).toBeNull()
  else await expect(opening).rejects.toMatchObject({ code: 'FILE_INCOMPLETE', message: ends })
})

test('a volume that was deleted is named before the first byte', async () => {
  const { open, gateway } = start()
  gateway.posted.splice(1, 1)

  await expect(open()).rejects.toMatchObject({
    code: 'FILE_INCOMPLETE',
    message: 'The file cannot be read: volume 2 of 3 is missing in Telegram',
    details: { volume: 2, of: 3, messageId: 2 },
  })
})

test('a volume that is lost while it is read ends the reading, and the next one hears of it at once', async () => {
  const { open, gateway, lose } = start()
  const file = await open()
  gateway.posted.splice(1, 1)
  lose(1002)
  const reading = file?.read({ start: MiB, end: BYTES.length - 1 }, never)
  const first = await reading?.next()

  const rest = (async () => {
    for await (const _ of reading ?? []);
  })()

  expect(first?.value?.length).toBeGreaterThan(0)
  await expect(rest).rejects.toMatchObject({ code: 'FILE_INCOMPLETE', details: { volume: 2 } })
  await expect(open()).rejects.toMatchObject({ code: 'FILE_INCOMPLETE', details: { volume: 2 } })
})

test('a volume of which the library knows that it is gone is missed before the first byte', async () => {
  const { open, gateway } = start()
  await open(BYTES.length)
  gateway.posted.splice(1, 1)

  expect(await open(BYTES.length)).not.toBeNull()
  await expect(open(BYTES.length - MiB)).rejects.toMatchObject({ code: 'FILE_INCOMPLETE' })
})

test('a failure of Telegram that may pass is not remembered', async () => {
  const { open, gateway } = start()
  gateway.beforeRead = () => Promise.reject(new Error('not now'))
  await expect(open()).rejects.toThrow('not now')
  gateway.beforeRead = async () => {}

  expect((await open())?.manifest.id).toBe(ID)
})

test('a bot alone reads volumes by the file ids of the manifest, the next one found in time', async () => {
  const { open, asked } = start({ bot: true })
  const file = await open()
  expect(asked).toEqual([])

  expect((await read(file, 0, 9)).equals(BYTES.subarray(0, 10))).toBe(true)
  expect(asked).toEqual(['file-1'])
  expect((await read(file, 2 * MiB - 1, 2 * MiB)).equals(BYTES.subarray(2 * MiB - 1, 2 * MiB + 1)))
  expect(asked).toEqual(['file-1', 'file-1', 'file-2'])
})

test('a bot alone reads one unit of a small file to know that it is no manifest', async () => {
  const { open, gateway } = start({ bot: true, holds: () => Buffer.alloc(MiB) })

  expect(await open()).toBeNull()

  expect(gateway.blocks.reduce((sum, { length }) => sum + length, 0)).toBe(128 * 1024)
})

test('a manifest without file ids cannot be read by a bot alone', async () => {
  const { open } = start({
    bot: true,
    holds: ({ volumes, ...rest }) =>
      encodeManifest({ ...rest, volumes: volumes.map((one) => ({ ...one, fileId: null })) }),
  })

  await expect(open()).rejects.toMatchObject({ code: 'FILE_INCOMPLETE', message: /no file id/ })
})

interface StartOptions extends Partial<Pick<Row, 'holds' | 'caption' | 'captions'>> {
  bot?: boolean
  cacheBytes?: number
}

/** A channel with three volumes and their manifest. */
function start({ bot = false, cacheBytes = 32 * MiB, captions = {}, ...row }: StartOptions = {}) {
  const gateway = createFakeGateway()
  const located: number[][] = []
  const asked: string[] = []
  const lost = new Set<string>()
  const unseen = new Set(bot ? [1, 2, 3, MANIFEST] : [])
  let at = 0
  const volumes = SIZES.map((size, index) => {
    const bytes = BYTES.subarray(at, at + size)
    at += size
    const messageId = index + 1
    const given = captions[messageId]
    if (given === null) unseen.add(messageId)
    const caption = given ?? volumeLine(ID, messageId, SIZES.length)
    gateway.posted.push({
      messageId,
      name: 'v',
      mimeType: 'a/b',
      bytes: Buffer.from(bytes),
      caption,
    })
    const documentId = String(1000 + messageId)
    return { messageId, documentId, size, crc32: crcOf(bytes), fileId: `file-${messageId}` }
  })
  const digests = { sha256: 'c'.repeat(64), crc32: crcOf(BYTES) }
  const named = { id: ID, name: 'film.mp4', mimeType: 'video/mp4', modifiedAt: null }
  const manifest = { ...named, size: BYTES.length, ...digests, volumes }
  const { holds = encodeManifest, caption = manifestLine(ID) } = row
  if (caption === null) unseen.add(MANIFEST)
  gateway.posted.push({
    ...{ messageId: MANIFEST, name: 'm.json', mimeType: 'application/json' },
    ...{ bytes: holds(manifest), caption: caption ?? '' },
  })
  const seen = (document: RemoteDocument): RemoteDocument => {
    const isUnseen = unseen.has(Number(document.id) - 1000)
    return { ...document, ...(isUnseen && { caption: null }), ...(bot && { road: 'bot-api' }) }
  }
  const { readBlock } = gateway
  gateway.readBlock = async (document, block, signal) => {
    const gone = lost.has(document.id)
    return gone
      ? gateway.locate(ANN, 404, signal).then(() => new Uint8Array())
      : readBlock(document, block, signal)
  }
  const cache = createBlockCache({ gateway, maxBytes: cacheBytes })
  const reader = createDocumentReader({ cache, maxWindowBytes: 4 * MiB, maxTotalBytes: 64 * MiB })
  const manifests = createManifests({
    gateway: {
      locate: async (credentials, messageId, signal, fileId) => {
        asked.push(fileId ?? '')
        return seen(await gateway.locate(credentials, messageId, signal))
      },
      locateAll: async (credentials, ids, signal) => {
        located.push([...ids])
        const found = await gateway.locateAll(credentials, ids, signal)
        return new Map([...found].map(([id, document]) => [id, seen(document)]))
      },
    },
    reader,
  })
  return {
    gateway,
    located,
    asked,
    lose: (id: number) => lost.add(String(id)),
    open: async (listedSize: number | null = null) => {
      const document = seen(await gateway.locate(ANN, MANIFEST, never))
      const found = { credentials: ANN, messageId: MANIFEST, document, listedSize }
      return manifests.open(found, never)
    },
  }
}

const ANN: Credentials = {
  ...{ userId: 'ann', botToken: null, channelId: '-1001', session: 's', apiId: 1, apiHash: 'h' },
}

async function read(
  file: Awaited<ReturnType<ReturnType<typeof start>['open']>>,
  first: number,
  last: number,
): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  if (file === null) throw new Error('no manifest')
  for await (const piece of file.read({ start: first, end: last }, never)) {
    pieces.push(Uint8Array.from(piece))
  }
  return Buffer.concat(pieces)
}

function crcOf(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0')
}
