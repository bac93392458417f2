import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../../src/accounts.ts'
import { nowSeconds } from '../../../src/lib/clock.ts'
import type { TlObject } from '../../../src/types.ts'
import { type ApiClient, type Caller, createCaller, type Fields } from '../../helpers/caller.ts'
import {
  channelPeer,
  list,
  makeJpeg,
  newFileId,
  object,
  post,
  toInputChannel,
  toLocation,
  upload,
  uploadedMedia,
} from '../../helpers/posting.ts'

const DAY = 86_400
const soon = () => nowSeconds() + 3600

/** The fields replace those of a plain `messages.sendMedia` by a user or a bot. */
test.each<[string, 'user' | 'bot', (caller: Caller) => Fields, number, string]>([
  ['a later date', 'user', () => ({ schedule_date: soon() }), 400, 'SCHEDULE_TOO_MUCH'],
  ['a later date', 'bot', () => ({ schedule_date: soon() }), 400, 'SCHEDULE_BOT_NOT_ALLOWED'],
  [
    'a date in two years',
    'user',
    () => ({ schedule_date: nowSeconds() + 730 * DAY }),
    400,
    'SCHEDULE_DATE_TOO_LATE',
  ],
  ['a date below zero', 'user', () => ({ schedule_date: -1 }), 400, 'SCHEDULE_DATE_INVALID'],
  [
    'the moment of coming online',
    'user',
    () => ({ schedule_date: 0x7fff_fffe }),
    400,
    'SCHEDULE_STATUS_PRIVATE',
  ],
  [
    'a repeated date',
    'user',
    () => ({ schedule_date: soon(), schedule_repeat_period: DAY }),
    403,
    'PREMIUM_ACCOUNT_REQUIRED',
  ],
  ['another sender', 'user', () => ({ send_as: SELF }), 400, 'SEND_AS_PEER_INVALID'],
  [
    'buttons',
    'bot',
    () => ({ reply_markup: { _: 'replyInlineMarkup', rows: [] } }),
    400,
    'REPLY_MARKUP_INVALID',
  ],
  ['a shortcut', 'user', () => ({ quick_reply_shortcut: SHORTCUT }), 400, 'SHORTCUT_INVALID'],
  [
    'a shortcut',
    'bot',
    () => ({ quick_reply_shortcut: SHORTCUT }),
    400,
    'QUICK_REPLIES_BOT_NOT_ALLOWED',
  ],
  ['an effect', 'user', () => ({ effect: 5n }), 400, 'EFFECT_ID_INVALID'],
  [
    'a suggested post',
    'user',
    () => ({ suggested_post: { _: 'suggestedPost' } }),
    400,
    'SUGGESTED_POST_PEER_INVALID',
  ],
  [
    'a reply to nothing',
    'user',
    () => ({ reply_to: replyTo(99) }),
    400,
    'REPLY_MESSAGE_ID_INVALID',
  ],
  [
    'a quote of other words',
    'user',
    () => ({ reply_to: { ...replyTo(1), quote_text: 'words' } }),
    400,
    'QUOTE_TEXT_INVALID',
  ],
  [
    'a reply in a topic',
    'user',
    () => ({ reply_to: { ...replyTo(1), top_msg_id: 1 } }),
    400,
    'TOPIC_DELETED',
  ],
  [
    'a reply to a story',
    'user',
    () => ({ reply_to: { _: 'inputReplyToStory', peer: SELF, story_id: 1 } }),
    400,
    'STORY_ID_INVALID',
  ],
  ['an entity over the end', 'user', () => styled(0, 8), 400, 'ENTITY_BOUNDS_INVALID'],
  ['an entity of nothing', 'user', () => styled(0, 0), 400, 'ENTITY_BOUNDS_INVALID'],
  ['an entity before the start', 'user', () => styled(-1, 2), 400, 'ENTITY_BOUNDS_INVALID'],
  [
    'a mention of an unknown user',
    'user',
    () => ({
      message: 'caption',
      entities: [
        {
          _: 'inputMessageEntityMentionName',
          offset: 0,
          length: 2,
          user_id: { _: 'inputUser', user_id: 1n, access_hash: 0n },
        },
      ],
    }),
    400,
    'ENTITY_MENTION_USER_INVALID',
  ],
  ['a long caption', 'user', () => ({ message: 'x'.repeat(1025) }), 400, 'MEDIA_CAPTION_TOO_LONG'],
])(
  '%s by a %s is refused, and nothing is posted',
  async (_name, sender, fieldsOf, code, message) => {
    const caller = await createCaller()
    const client = sender === 'bot' ? await caller.bot() : caller.user
    const { channel_id } = await channelPeer(caller, caller.user)

    const outcome = await send(caller, client, fieldsOf(caller))

    expect(outcome).toEqual({ kind: 'error', code, message })
    const history = await caller.user.invoke('messages.getHistory', {
      ...HISTORY,
      peer: await channelPeer(caller, caller.user),
    })
    expect({ channel_id, count: history.count }).toEqual({ channel_id, count: 1 })
  },
)

test.each<[string, Fields, Fields]>([
  ['silent', { silent: true }, { silent: true }],
  ['invert_media', { invert_media: true }, { invert_media: true }],
  ['a date that is almost now', { schedule_date: nowSeconds() + 5 }, { id: 2 }],
  ['flags without a trace', { background: true, clear_draft: true, noforwards: true }, { id: 2 }],
  ['styles', styled(0, 7), { entities: [{ _: 'messageEntityBold', offset: 0, length: 7 }] }],
  [
    'a reply',
    { reply_to: { _: 'inputReplyToMessage', reply_to_msg_id: 1 } },
    { reply_to: { _: 'messageReplyHeader', reply_to_msg_id: 1 } },
  ],
])('%s is kept with the message', async (_name, fields, kept) => {
  const caller = await createCaller()

  const outcome = await send(caller, caller.user, fields)

  expect(outcome).toMatchObject({ kind: 'result' })
  expect(await newest(caller)).toMatchObject(kept)
})

test('only a bot keeps its posts from being forwarded', async () => {
  const caller = await createCaller()

  await send(caller, await caller.bot(), { noforwards: true })
  expect(await newest(caller)).toMatchObject({ id: 2, noforwards: true })
  await send(caller, caller.user, { noforwards: true })
  expect(await newest(caller)).toMatchObject({ id: 3, noforwards: false })
})

test('send_as may name the channel itself', async () => {
  const caller = await createCaller()
  const send_as = await channelPeer(caller, caller.user)

  expect(await send(caller, caller.user, { send_as })).toMatchObject({ kind: 'result' })
})

test.each<[string, Fields, string]>([
  ['a time to live', { ttl_seconds: 10 }, 'TTL_MEDIA_INVALID'],
  ['a cover', { video_cover: { _: 'inputPhoto', id: 1n } }, 'PHOTO_INVALID'],
  ['stickers', { stickers: [{ _: 'inputDocument', id: 1n }] }, 'STICKER_INVALID'],
  ['NUL in the type', { mime_type: 'image/\0png' }, 'FILE_CONTENT_TYPE_INVALID'],
  ['a line end in the type', { mime_type: 'image/png\r\nX: 1' }, 'FILE_CONTENT_TYPE_INVALID'],
  ['letters of another script in the type', { mime_type: 'картинка' }, 'FILE_CONTENT_TYPE_INVALID'],
  ['a type of 256 characters', { mime_type: 'x'.repeat(256) }, 'FILE_CONTENT_TYPE_INVALID'],
  [
    'text that is to be streamed',
    {
      mime_type: 'text/plain',
      attributes: [
        { _: 'documentAttributeVideo', supports_streaming: true, duration: 1, w: 1, h: 1 },
      ],
    },
    'VIDEO_CONTENT_TYPE_INVALID',
  ],
  ['no media', { _: 'inputMediaEmpty' }, 'MEDIA_EMPTY'],
  ['a photo', { _: 'inputMediaUploadedPhoto' }, 'MEDIA_INVALID'],
])('media with %s is refused, sent or only uploaded', async (_name, changes, message) => {
  const caller = await createCaller()
  const media = { ...uploadedMedia(await upload(caller.user, randomBytes(10))), ...changes }
  const peer = await channelPeer(caller, caller.user)

  const uploaded = await caller.user.call('messages.uploadMedia', { peer, media })
  const sent = await send(caller, caller.user, { media })

  expect([uploaded, sent]).toEqual([
    { kind: 'error', code: 400, message },
    { kind: 'error', code: 400, message },
  ])
})

test('a business connection is refused', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)

  const outcome = await caller.user.call('messages.uploadMedia', {
    peer,
    media: uploadedMedia(await upload(caller.user, randomBytes(10))),
    business_connection_id: 'x',
  })

  expect(outcome).toMatchObject({ message: 'BUSINESS_CONNECTION_INVALID' })
})

test('attributes, spoiler and timestamp come back with the document', async () => {
  const caller = await createCaller()
  const video = {
    _: 'documentAttributeVideo',
    supports_streaming: true,
    duration: 7.5,
    w: 64,
    h: 48,
  }
  const hidden = { _: 'documentAttributeHasStickers' }
  const media = {
    ...uploadedMedia(await upload(caller.user, randomBytes(10))),
    mime_type: 'video/mp4',
    attributes: [{ _: 'documentAttributeFilename', file_name: 'film.mp4' }, video, hidden],
    spoiler: true,
    video_timestamp: 3,
  }

  await send(caller, caller.user, { media })

  expect(object((await newest(caller)).media)).toMatchObject({
    spoiler: true,
    video: true,
    video_timestamp: 3,
    document: {
      mime_type: 'video/mp4',
      attributes: [video, hidden, { _: 'documentAttributeFilename', file_name: 'film.mp4' }],
    },
  })
})

test.each<[string, TlObject[], Fields, string]>([
  ['a video', [{ _: 'documentAttributeVideo' }], {}, 'inputMessagesFilterVideo'],
  [
    'a round video',
    [{ _: 'documentAttributeVideo', round_message: true }],
    {},
    'inputMessagesFilterRoundVideo',
  ],
  [
    'an animation',
    [{ _: 'documentAttributeVideo' }, { _: 'documentAttributeAnimated' }],
    {},
    'inputMessagesFilterGif',
  ],
  ['a song', [{ _: 'documentAttributeAudio' }], {}, 'inputMessagesFilterMusic'],
  ['a voice', [{ _: 'documentAttributeAudio', voice: true }], {}, 'inputMessagesFilterVoice'],
  ['a plain file', [], {}, 'inputMessagesFilterDocument'],
  [
    'a video sent as a file',
    [{ _: 'documentAttributeVideo' }],
    { force_file: true },
    'inputMessagesFilterDocument',
  ],
])(
  '%s is found by the filter for its kind, and by no other',
  async (_name, attributes, changes, filter) => {
    const caller = await createCaller()
    const parts = await upload(caller.user, randomBytes(10))
    const media = { ...uploadedMedia(parts), mime_type: 'video/mp4', attributes, ...changes }
    await send(caller, caller.user, { media })

    const found: string[] = []
    for (const name of FILTERS) {
      const { messages } = await caller.user.invoke('messages.search', {
        ...HISTORY,
        peer: await channelPeer(caller, caller.user),
        q: '',
        filter: { _: name },
        min_date: 0,
        max_date: 0,
      })
      if (list(messages).length > 0) found.push(name)
    }

    expect(found).toEqual([filter])
  },
)

test.each([
  ['inputFile', 'a.bin', [{ _: 'documentAttributeFilename', file_name: 'a.bin' }]],
  ['no field', '', []],
])('without an attribute the name is that of %s', async (_source, name, attributes) => {
  const caller = await createCaller()
  const parts = await upload(caller.user, randomBytes(10))
  const media = uploadedMedia(parts)
  await send(caller, caller.user, {
    media: { ...media, attributes: [], file: { ...object(media.file), name } },
  })

  const document = object(object((await newest(caller)).media).document)

  expect(document.attributes).toEqual(attributes)
})

test.each([
  [1024, `${'n'.repeat(5000)}.bin`, `${'n'.repeat(1020)}.bin`],
  [60, `${'👩'.repeat(100)}.tar.gz`, `${'👩'.repeat(57)}.gz`],
  [60, 'short.bin', 'short.bin'],
  [4, 'name.ending', '.end'],
])('of a name %i characters are kept, with its ending', async (documentNameLength, name, kept) => {
  const caller = await createCaller({ documentNameLength })
  const media = uploadedMedia(await upload(caller.user, randomBytes(10)))
  const attributes = [{ _: 'documentAttributeFilename', file_name: name }]

  await send(caller, caller.user, { media: { ...media, attributes } })

  const document = object(object((await newest(caller)).media).document)
  expect(document.attributes).toEqual([{ _: 'documentAttributeFilename', file_name: kept }])
})

test('a thumbnail comes back and can be downloaded by its size, by ranges too', async () => {
  const caller = await createCaller()
  const jpeg = makeJpeg(320, 180, 5000)
  const thumb = uploadedMedia(await upload(caller.user, jpeg)).file
  const media = { ...uploadedMedia(await upload(caller.user, randomBytes(100))), thumb }

  await send(caller, caller.user, { media })

  const document = object(object((await newest(caller)).media).document)
  expect(document.thumbs).toEqual([{ _: 'photoSize', type: 'm', w: 320, h: 180, size: 5000 }])
  const fetchPart = (thumb_size: string, offset = 0n) =>
    caller.user.call('upload.getFile', {
      location: { ...toLocation(document), thumb_size },
      offset,
      limit: 4096,
    })
  expect(await fetchPart('m')).toMatchObject({
    value: { type: { _: 'storage.fileJpeg' }, bytes: Uint8Array.from(jpeg.subarray(0, 4096)) },
  })
  expect(await fetchPart('m', 4096n)).toMatchObject({
    value: { bytes: Uint8Array.from(jpeg.subarray(4096)) },
  })
  expect(await fetchPart('s')).toMatchObject({ message: 'LOCATION_INVALID' })
  expect(await fetchPart('w', 1n)).toMatchObject({ message: 'OFFSET_INVALID' })
})

test.each([
  ['no JPEG', randomBytes(600)],
  ['a side over 320', makeJpeg(321, 10)],
  ['200 KB', makeJpeg(10, 10, 200 * 1024)],
  ['no height', makeJpeg(10, 0)],
  ['two bytes', Buffer.from('ffd8', 'hex')],
])('a thumbnail of %s is refused', async (_name, bytes) => {
  const caller = await createCaller()
  const thumb = uploadedMedia(await upload(caller.user, bytes)).file
  const media = { ...uploadedMedia(await upload(caller.user, randomBytes(100))), thumb }

  expect(await send(caller, caller.user, { media })).toMatchObject({
    message: 'IMAGE_PROCESS_FAILED',
  })
})

test('a document without a thumbnail has none to download, nor hashes of one', async () => {
  const caller = await createCaller()
  const { document } = await post(caller, randomBytes(100))
  const location = { ...toLocation(document), thumb_size: 'm' }

  expect(
    await caller.user.call('upload.getFile', { location, offset: 0n, limit: 4096 }),
  ).toMatchObject({ message: 'LOCATION_INVALID' })
  expect(await caller.user.call('upload.getFileHashes', { location, offset: 0n })).toMatchObject({
    message: 'LOCATION_INVALID',
  })
})

test('hashes of a document of the other data centre are asked for there', async () => {
  const caller = await createCaller({ documentsDcId: 4 })
  const { document } = await post(caller, randomBytes(100))

  expect(
    await caller.user.call('upload.getFileHashes', { location: toLocation(document), offset: 0n }),
  ).toMatchObject({ code: 303, message: 'FILE_MIGRATE_4' })
})

test('a document of another account is no media', async () => {
  const caller = await createCaller()
  const other = createAccount(caller.telegram, { label: 'other' })
  const { document } = await post(caller, randomBytes(10))
  const client = caller.open(other.authKeyId ?? '')
  const peer = await channelPeer({ ...caller, account: other }, client)
  const { id, access_hash, file_reference } = document

  const outcome = await client.call('messages.sendMedia', {
    peer,
    media: { _: 'inputMediaDocument', id: { _: 'inputDocument', id, access_hash, file_reference } },
    message: '',
    random_id: newFileId(),
  })

  expect(outcome).toMatchObject({ message: 'MEDIA_EMPTY' })
})

const SELF = { _: 'inputPeerSelf' }
const SHORTCUT = { _: 'inputQuickReplyShortcut', shortcut: 'hello' }

const HISTORY = {
  offset_id: 0,
  offset_date: 0,
  add_offset: 0,
  limit: 100,
  max_id: 0,
  min_id: 0,
  hash: 0n,
}

const FILTERS = ['Document', 'Video', 'Gif', 'Music', 'RoundVideo', 'Voice', 'Photos'].map(
  (name) => `inputMessagesFilter${name}`,
)

function replyTo(id: number): TlObject {
  return { _: 'inputReplyToMessage', reply_to_msg_id: id }
}

function styled(offset: number, length: number): Fields {
  return { message: 'caption', entities: [{ _: 'messageEntityBold', offset, length }] }
}

/** A small file to the main channel; a bot names that with hash 0. */
async function send(caller: Caller, client: ApiClient, fields: Fields) {
  const peer = await channelPeer(caller, caller.user)
  const media = uploadedMedia(await upload(client, randomBytes(10)))
  return client.call('messages.sendMedia', {
    peer: client === caller.user ? peer : { ...peer, access_hash: 0n },
    media,
    message: '',
    random_id: newFileId(),
    ...fields,
  })
}

async function newest(caller: Caller): Promise<TlObject> {
  const channel = toInputChannel(await channelPeer(caller, caller.user))
  const { full_chat } = await caller.user.invoke('channels.getFullChannel', { channel })
  const id = Number(object(full_chat).read_inbox_max_id)
  const found = await caller.user.invoke('channels.getMessages', {
    channel,
    id: [{ _: 'inputMessageID', id }],
  })
  return object(list(found.messages)[0])
}
