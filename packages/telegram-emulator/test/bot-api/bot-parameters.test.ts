import { expect, test, vi } from 'vitest'
import { makeJpeg } from '../helpers/posting.ts'
import { startSharedTelegram } from '../helpers/telegram.ts'

const telegram = await startSharedTelegram()
const { account, botApi } = telegram
const FILE = new File(['hello'], 'a.txt')
const CHAT = { chat_id: account.channelId }

interface Answer {
  ok: boolean
  description?: string
  result?: Record<string, unknown>
}

type Parameters = Record<string, string | Blob>

test.each<[string, Parameters, string]>([
  ['a style to be parsed', { parse_mode: 'HTML' }, 'unsupported parse_mode'],
  ['a caption of 1025', { caption: 'x'.repeat(1025) }, 'message caption is too long'],
  ['styles that are no JSON', { caption_entities: '[' }, "can't parse entities JSON object"],
  ['styles of no list', { caption_entities: '{}' }, "can't parse entities JSON object"],
  [
    'a style outside',
    { caption: 'x', caption_entities: '[{"type":"bold","offset":0,"length":2}]' },
    'ENTITY_BOUNDS_INVALID',
  ],
  [
    'an unknown style',
    { caption: 'x', caption_entities: '[{"type":"loud","offset":0,"length":1}]' },
    "can't parse MessageEntity: unsupported type specified",
  ],
  [
    'a style by the name of a method of JavaScript',
    { caption: 'x', caption_entities: '[{"type":"constructor","offset":0,"length":1}]' },
    "can't parse MessageEntity: unsupported type specified",
  ],
  [
    'a link to a file by such a name',
    { document: 'attach://toString' },
    'wrong file identifier/HTTP URL specified',
  ],
  [
    'a reply to nothing',
    { reply_parameters: '{"message_id":99}' },
    'message to be replied not found',
  ],
  ['an old reply to nothing', { reply_to_message_id: '99' }, 'message to be replied not found'],
  [
    'a reply that is no JSON',
    { reply_parameters: 'x' },
    "can't parse reply parameters JSON object",
  ],
  ['a thread', { message_thread_id: '5' }, 'message thread not found'],
  ['a topic', { direct_messages_topic_id: '5' }, 'topic not found'],
  ['a business', { business_connection_id: 'x' }, 'business connection not found'],
  ['an effect', { message_effect_id: '5' }, 'EFFECT_ID_INVALID'],
  ['a suggestion', { suggested_post_parameters: '{}' }, 'SUGGESTED_POST_PEER_INVALID'],
  ['buttons', { reply_markup: '{"inline_keyboard":[]}' }, 'REPLY_MARKUP_INVALID'],
  ['no chat', { chat_id: '' }, 'chat_id is empty'],
])('sendDocument with %s is refused, and nothing is posted', async (_name, parameters, reason) => {
  const before = (await telegram.messages(account.channelId)).length

  const answer = await call('sendDocument', { ...CHAT, document: FILE, ...parameters })

  expect(answer).toMatchObject({ ok: false, description: `Bad Request: ${reason}` })
  expect(await telegram.messages(account.channelId)).toHaveLength(before)
})

test.each<[string, Parameters, object]>([
  ['a caption of 1024', { caption: 'x'.repeat(1024) }, { caption: 'x'.repeat(1024) }],
  ['protection', { protect_content: 'True' }, { has_protected_content: true }],
  ['no protection', { protect_content: 'false' }, {}],
  ['silence', { disable_notification: '1' }, {}],
  [
    'styles',
    {
      caption: 'see this',
      caption_entities: '[{"type":"text_link","offset":4,"length":4,"url":"https://a.example/"}]',
    },
    { caption_entities: [{ type: 'text_link', offset: 4, length: 4, url: 'https://a.example/' }] },
  ],
  [
    'a reply that may go without',
    { reply_parameters: '{"message_id":99,"allow_sending_without_reply":true}' },
    {},
  ],
  ['parameters that the Bot API does not know', { unknown: 'x', allow_paid_broadcast: 'true' }, {}],
])('sendDocument with %s is taken', async (_name, parameters, expected) => {
  const answer = await call('sendDocument', { ...CHAT, document: FILE, ...parameters })

  expect(answer).toMatchObject({ ok: true, result: expected })
  expect(answer.result).not.toHaveProperty('reply_to_message')
})

test('a reply shows the message that it answers', async () => {
  const first = await call('sendDocument', { ...CHAT, document: FILE, caption: 'first' })
  const id = first.result?.message_id
  const second = { reply_parameters: JSON.stringify({ message_id: id }) }

  const answer = await call('sendDocument', { ...CHAT, document: FILE, ...second })

  expect(answer.result).toMatchObject({ reply_to_message: { message_id: id, caption: 'first' } })
})

test('parameters of a JSON body are taken as they are', async () => {
  const { result } = await call('sendDocument', { ...CHAT, document: FILE })
  const document = result?.document as { file_id: string }

  const response = await fetch(`${botApi.root}/bot${account.botToken}/sendDocument`, {
    method: 'POST',
    headers: { 'content-type': 'Application/JSON; charset=utf-8' },
    body: JSON.stringify({
      ...CHAT,
      document: document.file_id,
      caption: 'bold',
      caption_entities: [{ type: 'bold', offset: 0, length: 4 }],
      protect_content: true,
      reply_parameters: { message_id: result?.message_id },
    }),
  })

  expect(await response.json()).toMatchObject({
    result: {
      has_protected_content: true,
      reply_to_message: { message_id: result?.message_id },
      caption_entities: [{ type: 'bold', offset: 0, length: 4 }],
    },
  })
})

test.each([
  ['its own part', (jpeg: Blob): Parameters => ({ thumbnail: jpeg })],
  ['an attachment', (jpeg: Blob): Parameters => ({ thumbnail: 'attach://tiny', tiny: jpeg })],
  ['its old name', (jpeg: Blob): Parameters => ({ thumb: jpeg })],
])('a thumbnail as %s is kept, described and downloaded', async (_name, parametersOf) => {
  const jpeg = makeJpeg(90, 60)

  const { result } = await call('sendDocument', {
    ...CHAT,
    document: FILE,
    ...parametersOf(new Blob([new Uint8Array(jpeg)])),
  })

  const document = result?.document as { thumbnail: { file_id: string } }
  expect(document.thumbnail).toMatchObject({ width: 90, height: 60, file_size: jpeg.length })
  const file = await call('getFile', { file_id: document.thumbnail.file_id })
  expect(file.result).toMatchObject({
    file_size: jpeg.length,
    file_path: expect.stringMatching(/^thumbnails\//),
  })
  const { file_path } = file.result as { file_path: string }
  const downloaded = await fetch(`${botApi.root}/file/bot${account.botToken}/${file_path}`)
  expect(Buffer.compare(Buffer.from(await downloaded.arrayBuffer()), jpeg)).toBe(0)
  const again = await call('sendDocument', { ...CHAT, document: document.thumbnail.file_id })
  expect(again.description).toContain("can't use file of type Thumbnail")
})

test('a thumbnail that is no picture is left out', async () => {
  const thumbnail = new Blob(['not a picture'])

  const { result } = await call('sendDocument', { ...CHAT, document: FILE, thumbnail })

  expect(result?.document).not.toHaveProperty('thumbnail')
})

test.each([
  ['film.mp4', 'video', { width: 0, height: 0, duration: 0 }],
  ['tune.mp3', 'audio', { duration: 0 }],
  ['dance.gif', 'animation', { width: 0, height: 0, duration: 0 }],
])('%s is sent as %s, with the fields that are always there', async (name, field, measures) => {
  const document = new File(['x'], name)

  const { result } = await call('sendDocument', { ...CHAT, document })
  const plain = await call('sendDocument', {
    ...CHAT,
    document,
    disable_content_type_detection: 'yes',
  })

  expect(result?.[field]).toMatchObject({ file_name: name, file_size: 1, ...measures })
  expect(plain.result).not.toHaveProperty(field)
  expect(plain.result?.document).toMatchObject({ file_name: name })
})

/** https://core.telegram.org/bots/api#available-types: the fields without "Optional". */
test.each<[string, Parameters, string[]]>([
  [
    'getMe',
    {},
    [
      ...['id', 'is_bot', 'first_name', 'username', 'can_join_groups'],
      ...['can_read_all_group_messages', 'supports_inline_queries', 'can_connect_to_business'],
      'has_main_web_app',
    ],
  ],
  [
    'getChat',
    CHAT,
    ['id', 'type', 'title', 'accent_color_id', 'max_reaction_count', 'accepted_gift_types'],
  ],
  [
    'getChatMember',
    { ...CHAT, user_id: String(account.botId) },
    [
      ...['status', 'user', 'can_be_edited', 'is_anonymous', 'can_manage_chat'],
      ...['can_delete_messages', 'can_manage_video_chats', 'can_restrict_members'],
      ...['can_promote_members', 'can_change_info', 'can_invite_users', 'can_post_stories'],
      ...['can_edit_stories', 'can_delete_stories', 'can_post_messages', 'can_edit_messages'],
    ],
  ],
  [
    'getChatMember',
    { ...CHAT, user_id: String(account.userId) },
    ['status', 'user', 'is_anonymous'],
  ],
  ['getWebhookInfo', {}, ['url', 'has_custom_certificate', 'pending_update_count']],
])('%s answers with every field that is always there', async (method, parameters, fields) => {
  const { result } = await call(method, parameters)

  expect(Object.keys(result ?? {})).toEqual(expect.arrayContaining(fields))
})

test.each<[string, Parameters, string]>([
  ['getFile', {}, 'file_id not specified'],
  ['getFile', { file_id: 'x' }, 'invalid file_id'],
  ['getChatMember', CHAT, 'invalid user_id specified'],
  ['getChatMember', { ...CHAT, user_id: 'x' }, 'invalid user_id specified'],
  ['getChatMember', { ...CHAT, user_id: '5' }, 'user not found'],
  ['deleteMessage', CHAT, 'message identifier is not specified'],
  ['deleteMessage', { ...CHAT, message_id: '999' }, 'message to delete not found'],
])('%s with %o is refused', async (method, parameters, reason) => {
  expect(await call(method, parameters)).toMatchObject({
    ok: false,
    error_code: 400,
    description: `Bad Request: ${reason}`,
  })
})

test('a bot that is no administrator may ask about itself only', async () => {
  const other = telegram.createAccount({ label: 'plain bot' })
  const accountId = other.botId ?? 0
  telegram.faults.setRole({ channelId: other.channelId, accountId, role: 'member' })
  const ask = async (id: number): Promise<Answer> => {
    const query = `chat_id=${other.channelId}&user_id=${id}`
    const url = `${botApi.root}/bot${other.botToken}/getChatMember?${query}`
    return (await (await fetch(url)).json()) as Answer
  }

  expect(await ask(accountId)).toMatchObject({ result: { status: 'member' } })
  expect(await ask(other.userId)).toMatchObject({
    description: 'Bad Request: member list is inaccessible',
  })
})

test('a long poll stays open, and ends with its client', async () => {
  const leaving = new AbortController()
  const url = `${botApi.root}/bot${account.botToken}/getUpdates?timeout=50`
  const polling = fetch(url, { signal: leaving.signal })
  await vi.waitFor(() => expect(telegram.counters.read().methods['bot:getUpdates']?.calls).toBe(1))
  const settled = vi.fn()
  polling.then(settled, settled)
  expect(await call('getUpdates', { timeout: '0' })).toEqual({ ok: true, result: [] })
  expect(settled).not.toHaveBeenCalled()

  leaving.abort()

  await expect(polling).rejects.toMatchObject({ name: 'AbortError' })
})

async function call(method: string, parameters: Parameters): Promise<Answer> {
  const form = new FormData()
  for (const [name, value] of Object.entries(parameters)) form.set(name, value)
  const response = await fetch(`${botApi.root}/bot${account.botToken}/${method}`, {
    method: 'POST',
    body: form,
  })
  return (await response.json()) as Answer
}
