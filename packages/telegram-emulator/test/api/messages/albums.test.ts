import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { TlObject } from '../../../src/types.ts'
import { type Caller, createCaller } from '../../helpers/caller.ts'
import {
  channelPeer,
  list,
  newFileId,
  object,
  upload,
  uploadedDocument,
  uploadedMedia,
} from '../../helpers/posting.ts'

const VIDEO = [{ _: 'documentAttributeVideo', duration: 1, w: 1, h: 1 }]
const AUDIO = [{ _: 'documentAttributeAudio', duration: 1 }]
const ANIMATION = [{ _: 'documentAttributeAnimated' }]

test('an album is posted whole: one grouped_id, captions of its own for each, pts for each', async () => {
  const caller = await createCaller()
  const album = await singles(caller, [[], [], []])

  const outcome = await send(caller, album)

  const { updates } = object(outcome.kind === 'result' ? outcome.value : undefined)
  const names = list(updates).map(({ _ }) => _)
  expect(names).toEqual([
    ...['updateMessageID', 'updateMessageID', 'updateMessageID', 'updateReadChannelInbox'],
    ...['updateNewChannelMessage', 'updateNewChannelMessage', 'updateNewChannelMessage'],
  ])
  const news = list(updates).slice(4)
  expect(news).toMatchObject([
    { pts: 3, pts_count: 1, message: { id: 2, message: 'caption 0' } },
    { pts: 4, pts_count: 1, message: { id: 3, message: 'caption 1' } },
    { pts: 5, pts_count: 1, message: { id: 4, message: 'caption 2' } },
  ])
  const groups = new Set(news.map(({ message }) => object(message).grouped_id))
  expect([...groups]).toEqual([expect.any(BigInt)])
})

test('a single medium makes no group', async () => {
  const caller = await createCaller()

  const outcome = await send(caller, await singles(caller, [[]]))

  const { updates } = object(outcome.kind === 'result' ? outcome.value : undefined)
  expect(object(list(updates).at(-1)?.message).grouped_id).toBeUndefined()
})

test.each<[string, TlObject[][], string | null]>([
  ['videos', [VIDEO, VIDEO], null],
  ['audio files', [AUDIO, AUDIO], null],
  ['ten documents', Array(10).fill([]), null],
  ['eleven documents', Array(11).fill([]), 'MULTI_MEDIA_TOO_LONG'],
  ['nothing', [], 'MEDIA_EMPTY'],
  ['a document and an audio file', [[], AUDIO], 'MEDIA_GROUPED_INVALID'],
  ['a document and a video', [[], VIDEO], 'MEDIA_GROUPED_INVALID'],
  ['an animation', [VIDEO, ANIMATION], 'MEDIA_GROUPED_INVALID'],
])('an album of %s', async (_name, attributes, message) => {
  const caller = await createCaller()

  const outcome = await send(caller, await singles(caller, attributes))

  expect(outcome).toMatchObject(
    message ? { kind: 'error', code: 400, message } : { kind: 'result' },
  )
})

test('an album with parts that are not a document yet is refused, and none of it is posted', async () => {
  const caller = await createCaller()
  const [first] = await singles(caller, [[]])
  const media = uploadedMedia(await upload(caller.user, randomBytes(10)))

  const outcome = await send(caller, [object(first), { ...object(first), media, random_id: 7n }])

  expect(outcome).toMatchObject({ code: 400, message: 'MEDIA_INVALID' })
  expect(caller.telegram.counters.snapshot().messagesPosted).toBe(0)
})

test('a caption that is too long is refused wherever in the album it is', async () => {
  const caller = await createCaller()
  const [first, second] = await singles(caller, [[], []])

  const outcome = await send(caller, [
    object(first),
    { ...object(second), message: 'x'.repeat(1025) },
  ])

  expect(outcome).toMatchObject({ message: 'MEDIA_CAPTION_TOO_LONG' })
})

test('random ids of an album count once each, also within it', async () => {
  const caller = await createCaller({ repeatedRandomId: 'old-updates' })
  const album = await singles(caller, [[], []])
  const twice = album.map((single) => ({ ...single, random_id: 5n }))

  expect(await send(caller, twice)).toMatchObject({ code: 500, message: 'RANDOM_ID_DUPLICATE' })
  const first = await send(caller, album)
  const again = await send(caller, album)
  const mixed = await send(caller, [object(album[0]), ...(await singles(caller, [[]]))])

  expect(first).toMatchObject({ kind: 'result' })
  expect(again).toMatchObject({ value: { updates: [{ id: 2 }, { id: 3 }, {}, {}, {}] } })
  expect(mixed).toMatchObject({ code: 500, message: 'RANDOM_ID_DUPLICATE' })
  expect(caller.telegram.counters.snapshot().messagesPosted).toBe(2)
})

async function singles(
  caller: Caller,
  attributesOf: readonly (readonly TlObject[])[],
): Promise<TlObject[]> {
  const { user } = caller
  const peer = await channelPeer(caller, user)
  const made: TlObject[] = []
  for (const [index, attributes] of attributesOf.entries()) {
    const media = {
      ...uploadedMedia(await upload(user, randomBytes(10))),
      mime_type: 'video/mp4',
      attributes: [...attributes],
    }
    made.push({
      _: 'inputSingleMedia',
      media: await uploadedDocument(user, peer, media),
      message: `caption ${index}`,
      random_id: newFileId(),
    })
  }
  return made
}

const send = async (caller: Caller, album: TlObject[]) =>
  caller.user.call('messages.sendMultiMedia', {
    peer: await channelPeer(caller, caller.user),
    multi_media: album,
  })
