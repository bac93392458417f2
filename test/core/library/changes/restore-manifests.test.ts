import { crc32 } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { describeLost } from '../../../../src/core/library/changes/restore-manifests.ts'
import { volumeCaption } from '../../../../src/core/model/volumes/captions.ts'
import type { ChannelMessage } from '../../../../src/core/ports/channel.ts'
import { AppError } from '../../../../src/errors.ts'
import { ANN, KEY, startChanges } from './setup.ts'

const ID = 'a'.repeat(32)
const FOLDER = 'b'.repeat(32)
const SHA256 = 'd'.repeat(64)
const PIECES = ['first', 'second', 'end'].map((text) => Buffer.from(text))
const crcOf = (bytes: Buffer): string => crc32(bytes).toString(16).padStart(8, '0')

function volume(number: number, change: Partial<ChannelMessage> = {}): ChannelMessage {
  const bytes = PIECES[number - 1] ?? Buffer.alloc(0)
  const described = { id: ID, name: 'film.mp4', folderId: FOLDER, modifiedAt: 1000 }
  const wholeSha256 = number === 3 ? SHA256 : null
  return {
    ...{ messageId: 10 + number, postedAt: 1, editedAt: null, forwarded: false, postedBy: null },
    text: volumeCaption(described, { number, of: 3, crc32: crcOf(bytes), wholeSha256 }),
    document: {
      ...{ id: `${number}`, size: bytes.length, fileName: null, mimeType: null, thumbnail: false },
    },
    ...change,
  }
}

const ALL = [volume(1), volume(2), volume(3)]

test('a manifest is made of what the lines of all volumes say', () => {
  expect(describeLost(ID, ALL.toReversed())).toEqual({
    folderId: FOLDER,
    manifest: {
      ...{ id: ID, name: 'film.mp4', mimeType: 'video/mp4', size: 14, modifiedAt: 1000 },
      ...{ sha256: SHA256, crc32: crcOf(Buffer.concat(PIECES)) },
      volumes: PIECES.map((bytes, index) => ({
        ...{ messageId: 11 + index, documentId: `${index + 1}`, size: bytes.length },
        ...{ crc32: crcOf(bytes), fileId: null },
      })),
    },
  })
})

test('of two volumes of one number the first is taken', () => {
  const again = volume(2, { messageId: 99 })

  expect(describeLost(ID, [again, ...ALL])?.manifest.volumes[1]?.messageId).toBe(12)
})

test.each<[string, ChannelMessage[]]>([
  ['a volume is missing', [volume(1), volume(3)]],
  ['the first one is of another file', [volume(1, { text: 'a' }), volume(2), volume(3)]],
  ['one was forwarded', [volume(1), volume(2, { forwarded: true }), volume(3)]],
  ['one has no document any more', [volume(1), volume(2, { document: null }), volume(3)]],
  [
    'the last one does not tell the digest of the file',
    [volume(1), volume(2), volume(3, { text: volume(3).text.replace(/ wholesha256=\w+/, '') })],
  ],
  [
    'one does not tell its checksum',
    [volume(1, { text: volume(1).text.replace(/ crc32=\w+/, '') }), volume(2), volume(3)],
  ],
  ['there is none', []],
])('nothing is made where %s', (_, messages) => {
  expect(describeLost(ID, messages)).toBeNull()
})

async function start() {
  const changes = startChanges()
  const [first = 0, second = 0, third = 0, manifest = 0] = changes.addLargeFile(ID)
  changes.channel.drop(manifest)
  await changes.look()
  const restore = async () => {
    changes.restoreManifests(ANN)
    await changes.queue.ended(`library-manifests ${KEY.channelId} ${KEY.owner}`)
  }
  return { ...changes, volumes: [first, second, third], restore }
}

test('a lost manifest is posted anew, once, and the file is in the library again', async () => {
  const { restore, channel, ledger, manifests, volumes } = await start()

  await restore()
  await restore()

  const posts = channel.list().filter(({ text }) => text.includes('kind=manifest'))
  expect(posts).toHaveLength(1)
  const messageId = posts[0]?.messageId ?? 0
  expect(manifests.get(messageId)?.volumes.map((one) => one.messageId)).toEqual(volumes)
  expect(await ledger.libraryFile(KEY, messageId)).toMatchObject({
    ...{ name: 'film.mp4', size: 300, volumes: 3, sha256: SHA256, captionId: ID },
  })
  expect(await ledger.libraryLeftovers(KEY, { limit: 9 })).toEqual([])
})

test('two users of a channel get one manifest', async () => {
  const { restore, channel, ledger, restoreManifests, queue } = await start()
  const bob = { ...KEY, owner: 'bob' }
  await ledger.applyToLibrary(bob, { volumes: await ledger.libraryVolumes(KEY, ID) })
  await restore()

  restoreManifests({ ...ANN, userId: 'bob' })
  await queue.ended(`library-manifests ${KEY.channelId} bob`)

  expect(channel.list().filter(({ text }) => text.includes('kind=manifest'))).toHaveLength(1)
})

test('what is not whole is left as it is', async () => {
  const { restore, channel, look, ledger, volumes } = await start()
  channel.drop(volumes[1] ?? 0)
  await look()

  await restore()

  expect(channel.list().some(({ text }) => text.includes('kind=manifest'))).toBe(false)
  expect(await ledger.libraryLeftovers(KEY, { limit: 9 })).toMatchObject([
    { captionId: ID, volumes: 2, of: 3, bytes: 200 },
  ])
})

test('a post that fails is left to the next reading', async () => {
  const { restore, channel, telegram, log } = await start()
  telegram.beforeFinish = vi.fn(async () => {
    throw new AppError('TELEGRAM_FORBIDDEN', 'no')
  })
  await restore()
  telegram.beforeFinish = async () => {}

  await restore()

  expect(channel.list().filter(({ text }) => text.includes('kind=manifest'))).toHaveLength(1)
  expect(log.entries.some(({ message }) => message.includes('after the next reading'))).toBe(true)
})
