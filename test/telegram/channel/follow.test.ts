import { expect, test } from 'vitest'
import { startSharedTelegram } from '../../helpers/peers/telegram.ts'
import { startGateway, userOf } from '../mtproto/setup.ts'
import { botApiOf, captionOf, createNotes, openLibrary, postFile } from './setup.ts'

const telegram = await startSharedTelegram()

test.each(['user', 'bot'] as const)(
  'the library of a %s follows what other clients post, edit and delete',
  async (way) => {
    const library = openLibrary(telegram, way)
    const ours = await postFile(telegram, library, { caption: captionOf('ours'), size: 5 })
    await postFile(telegram, library, { name: 'theirs.pdf', caption: 'hello', size: 6 })
    const gone = await postFile(telegram, library, { name: 'gone.pdf', size: 7 })
    await library.look()
    expect(await library.files()).toEqual(['ours 5', 'theirs.pdf 6', 'gone.pdf 7'])

    const chat_id = library.account.channelId
    const api = botApiOf(telegram, library)
    await api.editMessageCaption({ chat_id, message_id: ours, caption: captionOf('renamed') })
    await api.deleteMessage({ chat_id, message_id: gone })
    await postFile(telegram, library, { name: 'new.pdf', size: 8 })
    await library.look()

    expect(await library.files()).toEqual(['renamed 5', 'theirs.pdf 6', 'new.pdf 8'])
  },
)

test.each(['user', 'bot'] as const)(
  'three hundred files take a %s a request for each hundred, and what has changed takes one',
  async (way) => {
    const library = openLibrary(telegram, way)
    const api = botApiOf(telegram, library)
    const chat_id = library.account.channelId
    const source = await postFile(telegram, library, {})
    const copy = (name: string) =>
      api.copyMessage({
        ...{ chat_id, from_chat_id: chat_id, message_id: source, caption: captionOf(name) },
      })
    for (let n = 1; n < 300; n++) await copy(`file-${n}`)
    telegram.counters.reset()

    await library.look()

    expect(await library.files()).toHaveLength(300)
    // Three pages, one for the oldest messages, and what connecting, finding the channel and its position take.
    expect(requests()).toBeLessThanOrEqual(3 + 1 + 7)
    for (let n = 0; n < 10; n++) await copy(`new-${n}`)
    for (const message_id of [100, 150, 200]) {
      await api.editMessageCaption({ chat_id, message_id, caption: captionOf('edited') })
    }
    await api.deleteMessages({ chat_id, message_ids: [250, 260] })
    telegram.counters.reset()
    await library.look()
    expect(await library.files()).toHaveLength(308)
    expect(requests()).toBe(1)
  },
)

/** Calls by MTProto. */
function requests(): number {
  const methods = Object.entries(telegram.counters.read().methods)
  return methods
    .filter(([name]) => !name.startsWith('bot:'))
    .reduce((sum, [, { calls }]) => sum + calls, 0)
}

test('a member that was thrown out keeps its rows, and finds what it has missed', async () => {
  const library = openLibrary(telegram, 'bot')
  const source = await postFile(telegram, library, { name: 'a.bin', size: 1 })
  await library.look()
  const { account } = library
  const { channelId, botId } = account
  const setRole = (role: 'admin' | null) =>
    telegram.faults.setRole({ channelId, accountId: botId ?? 0, role })
  setRole(null)
  const { channel } = startGateway(telegram).gateway
  const asUser = { credentials: userOf(account), signal: new AbortController().signal }
  const text = captionOf('b')
  await channel.post(asUser, { text, copyOf: source, journal: createNotes() })

  await library.look()

  expect(await library.files()).toEqual(['a.bin 1'])
  setRole('admin')
  await library.look()
  expect(await library.files()).toEqual(['a.bin 1', 'b 1'])
})

test.each(['user', 'bot'] as const)(
  'a wait of Telegram slows a %s down, and stops nothing',
  async (way) => {
    const library = openLibrary(telegram, way)
    await postFile(telegram, library, { name: 'a.bin', size: 1 })
    const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_1' } as const
    for (const method of ['messages.getHistory', 'channels.getMessages']) {
      telegram.faults.add({ method, effect, account: library.label, times: 1 })
    }

    await library.look()

    expect(await library.files()).toEqual(['a.bin 1'])
  },
)
