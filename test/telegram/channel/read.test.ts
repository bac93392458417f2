import { describe, expect, test } from 'vitest'
import { startSharedTelegram } from '../../helpers/peers/telegram.ts'
import { botApiOf, captionOf, folderText, postFile, postTexts, start } from './setup.ts'

const telegram = await startSharedTelegram()

describe.each(['user', 'bot'] as const)('a channel read by a %s', (way) => {
  test('is seen as it is: documents, texts, and which of them are its own', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const caption = captionOf('a')
    const file = await postFile(telegram, at, { caption, name: 'ä b.pdf', size: 1234 })
    const text = await postTexts(telegram, at, [folderText('x')])

    const { pts, before } = await channel.position(call)
    const page = await channel.page(call, before)

    // The channel's creation, and two posts.
    expect(pts).toBe(4)
    expect(page.messages.map(({ messageId }) => messageId)).toEqual([...text, file])
    expect(page.messages.at(-1)).toEqual({
      messageId: file,
      postedAt: expect.any(Number),
      editedAt: null,
      text: caption,
      forwarded: false,
      postedBy: way === 'bot' ? 'bot' : null,
      document: {
        id: expect.stringMatching(/^\d+$/),
        size: 1234,
        fileName: 'ä b.pdf',
        mimeType: expect.stringMatching(/^application\//),
        thumbnail: false,
      },
    })
    expect(page.messages[0]).toMatchObject({
      document: null,
      text: expect.stringMatching(/folder/),
    })
  })

  test('shows which of its messages were forwarded', async () => {
    const { channel, gateway, call, ...at } = start(telegram, way)
    const caption = captionOf('a')
    const posted = await postFile(telegram, at, { caption })
    const chat = { chat_id: at.account.channelId, from_chat_id: at.account.channelId }
    const api = botApiOf(telegram, at)
    const { message_id: forwarded } = await api.forwardMessage({ ...chat, message_id: posted })
    const [text = 0] = await postTexts(telegram, at, ['text'])

    const messages = await channel.messages(call, [posted, forwarded])
    const found = await gateway.locateAll(
      call.credentials,
      [posted, forwarded, text, 4242, 2 ** 40],
      call.signal,
    )

    expect(messages.map((message) => [message.messageId, message.forwarded])).toEqual([
      [posted, false],
      [forwarded, true],
    ])
    expect([...found].map(([messageId, document]) => [messageId, document.caption])).toEqual([
      [posted, caption],
      [forwarded, null],
    ])
  })

  test('is read in pages that leave nothing out, the newest first', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const ids = await postTexts(
      telegram,
      at,
      Array.from({ length: 130 }, (_, n) => `text ${n}`),
    )
    const { before } = await channel.position(call)

    const first = await channel.page(call, before)
    const second = await channel.page(call, first.lowestId)

    const read = [...first.messages, ...second.messages].map(({ messageId }) => messageId)
    expect(read).toEqual(ids.toReversed())
    expect(first.messages.length).toBeGreaterThanOrEqual(99)
    expect(second.lowestId).toBe(1)
    expect(await channel.page(call, 1)).toMatchObject({ messages: [], lowestId: 1 })
  })

  test('tells of messages by their ids, and says nothing of those that do not exist', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const [first = 0, second = 0] = await postTexts(telegram, at, ['one', 'two'])

    const found = await channel.messages(call, [second, 9999, first])

    expect(found.map(({ text }) => text).sort()).toEqual(['one', 'two'])
  })

  test('tells what is new, edited and deleted since a pts, in one request', async () => {
    const { channel, call, ...at } = start(telegram, way)
    const [old = 0, gone = 0] = await postTexts(telegram, at, ['old', 'gone'])
    const { pts } = await channel.position(call)
    const [added] = await postTexts(telegram, at, ['new'])
    const api = botApiOf(telegram, at)
    await api.editMessageText({ chat_id: at.account.channelId, message_id: old, text: 'edited' })
    await api.deleteMessage({ chat_id: at.account.channelId, message_id: gone })

    const difference = await channel.difference(call, pts)

    expect(difference).toMatchObject({
      kind: 'changes',
      pts: pts + 3,
      final: true,
      messages: [
        { messageId: added, text: 'new', editedAt: null },
        { messageId: old, text: 'edited', editedAt: expect.any(Number) },
      ],
      deletedIds: [gone],
    })
    expect(await channel.difference(call, pts + 3)).toEqual({
      ...{ kind: 'changes', pts: pts + 3, final: true, messages: [], deletedIds: [] },
      timeout: expect.any(Number),
    })
  })

  test.each([
    ['from before what Telegram remembers', () => 1],
    ['from the future', (pts: number) => pts + 1000],
    ['that is none', () => 0],
  ])('is too long a way off from a pts %s', async (_, choose) => {
    const { channel, call, ...at } = start(telegram, way)
    await postTexts(telegram, at, ['a', 'b', 'c'])
    const { pts } = await channel.position(call)
    telegram.settings.change({ changeLogLength: 1 })
    await postTexts(telegram, at, ['d'])

    expect(await channel.difference(call, choose(pts))).toEqual({ kind: 'too-long' })

    telegram.settings.change({ changeLogLength: 100_000 })
  })
})

test('a bot begins at the newest message, however many edits have counted its pts away', async () => {
  const { channel, call, ...at } = start(telegram, 'bot')
  const [id = 0] = await postTexts(telegram, at, ['0'])
  const api = botApiOf(telegram, at)
  const edit = (n: number) =>
    api.editMessageText({ chat_id: at.account.channelId, message_id: id, text: `${n}` })
  for (let n = 1; n <= 120; n++) await edit(n)
  const [newest = 0] = await postTexts(telegram, at, ['newest'])

  expect(await channel.position(call)).toEqual({ pts: 124, before: newest + 1 })

  for (let n = 121; n <= 221; n++) await edit(n)
  // Nothing was posted among the last hundred events: only that many are known to be none.
  expect(await channel.position(call)).toEqual({ pts: 225, before: 126 })
  // Where Telegram has forgotten the events, it names the newest message itself.
  telegram.settings.change({ changeLogLength: 1 })
  await edit(222)
  expect(await channel.position(call)).toEqual({ pts: 226, before: newest + 1 })
  telegram.settings.change({ changeLogLength: 100_000 })
})

test('a bot without an API id sees nothing, and says so', async () => {
  const { channel, call, credentials } = start(telegram, 'bot-api')

  expect(channel.reader(credentials)).toBeNull()
  await expect(channel.page(call, 100)).rejects.toMatchObject({ code: 'TELEGRAM_NOT_CONNECTED' })
})

test('a channel that cannot be seen any more is an error, and not an empty answer', async () => {
  const { channel, call, account } = start(telegram, 'bot')
  const { before } = await channel.position(call)
  const { channelId, botId } = account
  telegram.faults.setRole({ channelId, accountId: botId ?? 0, role: null })

  for (const answer of [channel.page(call, before), channel.difference(call, 1)]) {
    await expect(answer).rejects.toMatchObject({ code: 'TELEGRAM_FORBIDDEN' })
  }
})

test('a wait that is longer than the caller has patience for is told with its length', async () => {
  const { channel, call, account } = start(telegram, 'user')
  await channel.position(call)
  const { label } = account
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_7' } as const
  telegram.faults.add({ method: 'messages.getHistory', effect, account: label, times: 1 })

  await expect(channel.page({ ...call, patience: 3 }, 100)).rejects.toMatchObject({
    code: 'TELEGRAM_FLOOD_WAIT',
    retryAfter: expect.closeTo(7, 0),
  })
})
