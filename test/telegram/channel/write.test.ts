import type { FaultEffect } from 'telegram-emulator'
import { describe, expect, test } from 'vitest'
import { startSharedTelegram } from '../../helpers/peers/telegram.ts'
import {
  botApiOf,
  captionOf,
  createNotes,
  folderText,
  postFile,
  type Start,
  start,
} from './setup.ts'

const telegram = await startSharedTelegram()

describe.each(['user', 'bot', 'bot-api'] as const)('as a %s', (way) => {
  test('a caption is replaced; to say the same again is a success', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const messageId = await postFile(telegram, at, { caption: 'old' })
    const edit = { messageId, text: captionOf('new'), part: 'caption', postedBy: null } as const

    const { editedAt } = await channel.edit(call, edit)

    expect(editedAt).toBeGreaterThan(Date.now() - 60_000)
    expect(await captions(at)).toEqual([edit.text])
    expect(await channel.edit(call, edit)).toEqual({ editedAt: null })
  })

  test('a message that is not there cannot be edited', async () => {
    const { channel, call } = start(telegram, way)
    const edit = { messageId: 4711, text: 'x', part: 'caption', postedBy: null } as const

    await expect(channel.edit(call, edit)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
  })

  test('a folder is posted silently and once, and its text edited', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const text = folderText('one')

    const posted = await channel.post(call, { text, copyOf: null, journal: createNotes() })

    const postedBy = way === 'user' ? 'user' : 'bot'
    expect(posted).toEqual({ messageId: 2, postedAt: expect.any(Number), postedBy })
    const edit = { messageId: 2, text: folderText('two'), part: 'text', postedBy } as const
    await channel.edit(call, edit)
    expect(await textAt(at, 2)).toBe(edit.text)
  })

  test('a copy has the same document, its own caption, and no sound', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const source = await postFile(telegram, at, { caption: 'source' })
    const text = captionOf('copy')

    const { messageId } = await channel.post(call, {
      ...{ text, copyOf: source, journal: createNotes() },
    })

    const [first, second] = await telegram.messages(at.account.channelId)
    expect(second).toMatchObject({ id: messageId, caption: text, silent: true })
    expect(second?.documentId).toBe(first?.documentId)
  })

  test('what is not there, or has no document, cannot be copied', async () => {
    const { channel, call } = start(telegram, way)
    const post = { text: captionOf('copy'), copyOf: 4711, journal: createNotes() }

    await expect(channel.post(call, post)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
  })

  test('two hundred and fifty messages are deleted by three requests, those that are gone too', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const kept = await postFile(telegram, at, { caption: 'kept' })
    const gone = await postFile(telegram, at, { caption: 'gone' })
    const ids = Array.from({ length: 250 }, (_, n) => gone + n)
    telegram.counters.reset()

    expect(await channel.remove(call, ids, null)).toEqual({ refusedIds: [] })

    const { methods } = telegram.counters.read()
    const method = way === 'bot-api' ? 'bot:deleteMessages' : 'channels.deleteMessages'
    expect(methods[method]).toMatchObject({ calls: 3 })
    expect((await telegram.messages(at.account.channelId)).map(({ id }) => id)).toEqual([kept])
  })

  test.skipIf(way === 'bot-api')('what was changed or deleted is not read as it was', async () => {
    const { channel, call, gateway, credentials, ...at } = start(telegram, way)
    const { signal } = call
    const messageId = await postFile(telegram, at, { caption: 'before' })
    const locate = () => gateway.locate(credentials, messageId, signal)
    expect(await locate()).toMatchObject({ caption: 'before' })

    await channel.edit(call, { messageId, text: 'after', part: 'caption', postedBy: null })
    expect(await locate()).toMatchObject({ caption: 'after' })

    await channel.remove(call, [messageId], null)
    await expect(locate()).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
  })

  test('without its rights it is refused, and told which one is missing', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const messageId = await postFile(telegram, at, { caption: 'a' })
    demote(at, way === 'user' ? 'userId' : 'botId')
    const edit = { messageId, text: 'b', part: 'caption', postedBy: null } as const

    await expect(channel.edit(call, edit)).rejects.toMatchObject({
      code: 'NOT_EDITABLE',
      status: 403,
      details: { right: 'edit_messages' },
    })
    expect(await channel.remove(call, [messageId], null)).toEqual({ refusedIds: [messageId] })
    const post = { text: 'x', copyOf: null, journal: createNotes() }
    await expect(channel.post(call, post)).rejects.toMatchObject({ code: 'TELEGRAM_FORBIDDEN' })
    expect(await captions(at)).toEqual(['a'])
  })

  test('a wait of Telegram is told with its length', async () => {
    const { channel, call, account } = start(telegram, way)
    const { label } = account
    const message = way === 'bot-api' ? 'Too Many Requests: retry after 9' : 'FLOOD_WAIT_9'
    const code = way === 'bot-api' ? 429 : 420
    const effect = { kind: 'error', code, message, retryAfter: 9 } as const
    for (const method of ['messages.editMessage', 'bot:editMessageCaption']) {
      telegram.faults.add({ method, effect, account: label })
    }
    const edit = { messageId: 2, text: captionOf('b'), part: 'caption', postedBy: null } as const

    await expect(channel.edit({ ...call, patience: 0 }, edit)).rejects.toMatchObject({
      code: 'TELEGRAM_FLOOD_WAIT',
      retryAfter: expect.closeTo(9, 0),
    })
  })
})

describe.each(['user', 'bot'] as const)('as a %s', (way) => {
  test.each<[string, FaultEffect]>([
    ['its answer is lost', { kind: 'drop-after' }],
    ['its request is lost', { kind: 'drop' }],
    ['Telegram fails', { kind: 'error', code: 500, message: 'RPC_CALL_FAIL' }],
  ])('a post is made exactly once when %s', async (_, effect) => {
    const { channel, call, ...at } = start(telegram, way)
    const source = await postFile(telegram, at, { caption: 'source' })
    const { label } = at.account
    for (const method of ['messages.sendMedia', 'messages.sendMessage']) {
      telegram.faults.add({ method, effect, account: label, times: 1 })
    }
    const journal = createNotes()

    const copy = await channel.post(call, { text: captionOf('c'), copyOf: source, journal })
    const folder = await channel.post(call, {
      ...{ text: folderText('f'), copyOf: null, journal: createNotes() },
    })

    expect(await captions(at)).toHaveLength(2)
    expect(folder.messageId).toBe(copy.messageId + 1)
    expect(new Set(journal.notes.map(({ randomId }) => randomId)).size).toBe(1)
  })

  test('a post that had arrived before the process died is found, also when its source is gone', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const source = await postFile(telegram, at, { caption: 'source' })
    const journal = createNotes()
    const post = { text: captionOf('c'), copyOf: source, journal }
    const first = await channel.post(call, post)
    await channel.remove(call, [source], null)
    telegram.faults.forgetRandomIds()

    const again = await channel.post(call, post)

    expect(again.messageId).toBe(first.messageId)
    expect(await captions(at)).toEqual([post.text])
  })

  test('what people wrote beside our line keeps its formats, also in a copy', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const ours = (name: string) => `#telestore v=1 id=${'a'.repeat(32)} name=${name}`
    const around = (line: string) => `Our trip 👍\n${line}\nwith friends`
    const caption = around(ours('old'))
    const formats = [
      { type: 'bold', offset: 4, length: 4 },
      { type: 'italic', offset: caption.indexOf('friends'), length: 7 },
    ] as const
    const chat_id = at.account.channelId
    const source = await postFile(telegram, at, { caption })
    const api = botApiOf(telegram, at)
    const caption_entities = [...formats]
    await api.editMessageCaption({ chat_id, message_id: source, caption, caption_entities })
    const text = around(ours('a-longer-name'))

    const copy = { text, copyOf: source, journal: createNotes() }
    const { messageId } = await channel.post(call, copy)
    await channel.edit(call, { messageId: source, text, part: 'caption', postedBy: null })

    for (const message_id of [source, messageId]) {
      const answer = { chat_id, text: 'answer', reply_parameters: { message_id } }
      const { reply_to_message: shown } = await api.sendMessage(answer)
      expect(shown?.caption).toBe(text)
      expect(shown?.caption_entities).toEqual([
        formats[0],
        { ...formats[1], offset: text.indexOf('friends') },
      ])
    }
  })

  test('a forwarded post cannot be edited by anyone, which is not a matter of rights', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const source = await postFile(telegram, at, { caption: 'source' })
    const chat_id = at.account.channelId
    const forward = { chat_id, from_chat_id: chat_id, message_id: source }
    const { message_id: messageId } = await botApiOf(telegram, at).forwardMessage(forward)
    const edit = { messageId, text: 'x', part: 'caption', postedBy: null } as const

    const refusal = channel.edit(call, edit)

    await expect(refusal).rejects.toMatchObject({ code: 'NOT_EDITABLE', details: {} })
  })
})

describe('of two accounts', () => {
  test('the one that may edits, deletes and posts where the other one may not', async () => {
    const { channel, call, ...at } = start(telegram, 'user and bot')
    const messageId = await postFile(telegram, at, { caption: 'a' })
    demote(at, 'userId')
    const edit = { messageId, text: 'b', part: 'caption', postedBy: null } as const

    await channel.edit(call, edit)
    expect(await captions(at)).toEqual(['b'])
    const posted = await channel.post(call, { text: 'x', copyOf: null, journal: createNotes() })
    expect(posted.postedBy).toBe('bot')
    expect(await channel.remove(call, [messageId], null)).toEqual({ refusedIds: [] })
    expect(await captions(at)).toEqual([])
  })

  test('the one that has posted tries first', async () => {
    const { channel, call, ...at } = start(telegram, 'user and bot')
    const messageId = await postFile(telegram, at, { caption: 'a' })
    telegram.counters.reset()
    const edit = { messageId, part: 'caption', postedBy: 'bot' } as const
    const { channelId, userId: accountId } = at.account
    telegram.faults.setRole({ channelId, accountId, role: null })

    await channel.edit(call, { ...edit, text: 'b' })

    expect(await captions(at)).toEqual(['b'])
    expect(telegram.counters.read().methods['messages.editMessage']).toMatchObject({ calls: 1 })
  })

  test('each deletes its own where neither may delete those of the other one', async () => {
    const { channel, call, ...at } = start(telegram, 'user and bot')
    const byBot = await postFile(telegram, at, { caption: 'by the bot' })
    const post = { text: captionOf('c'), copyOf: byBot, journal: createNotes() }
    const { messageId: byUser } = await channel.post(call, post)
    const stranger = telegram.createAccount({ label: `${at.account.label} stranger` })
    const { channelId } = at.account
    const asAdmin = { channelId, role: 'admin' } as const
    telegram.faults.setRole({ ...asAdmin, accountId: stranger.botId ?? 0 })
    const strangers = await postFile(
      telegram,
      { account: { ...stranger, channelId } },
      { caption: 'by a stranger' },
    )
    for (const accountId of [at.account.userId, at.account.botId ?? 0]) {
      telegram.faults.setRole({ ...asAdmin, accountId, without: ['delete'] })
    }

    const { refusedIds } = await channel.remove(call, [byBot, strangers, byUser], null)

    expect(refusedIds).toEqual([strangers])
    expect((await telegram.messages(channelId)).map(({ id }) => id)).toEqual([strangers])
  })
})

test('by the Bot API a post whose answer was lost is tried once more, and then no more', async () => {
  const { channel, call, ...at } = start(telegram, 'bot-api')
  const effect = { kind: 'drop-after' } as const
  const rule = { method: 'bot:sendMessage', effect, account: at.account.label }
  const id = telegram.faults.add({ ...rule, times: 1 })
  const folder = { text: folderText('f'), copyOf: null, journal: createNotes() }

  expect((await channel.post(call, folder)).messageId).toBe(3)

  telegram.faults.remove(id)
  telegram.faults.add({ ...rule, times: 2 })
  const lost = { text: folderText('g'), copyOf: null, journal: createNotes() }
  await expect(channel.post(call, lost)).rejects.toMatchObject({ code: 'TELEGRAM_REJECTED' })
  expect(await textAt(at, 5)).toBe(lost.text)
})

/** The captions of a channel's files, the oldest first. */
async function captions({ account }: Pick<Start, 'account'>): Promise<string[]> {
  return (await telegram.messages(account.channelId)).map(({ caption }) => caption)
}

/** The text of a message, as it shows when it is answered. */
async function textAt(at: Pick<Start, 'account'>, message_id: number): Promise<string | undefined> {
  const chat_id = at.account.channelId
  const answer = { chat_id, text: 'answer', reply_parameters: { message_id } }
  return (await botApiOf(telegram, at).sendMessage(answer)).reply_to_message?.text
}

function demote({ account }: Pick<Start, 'account'>, who: 'userId' | 'botId'): void {
  const { channelId } = account
  telegram.faults.setRole({ channelId, accountId: account[who] ?? 0, role: 'member' })
}
