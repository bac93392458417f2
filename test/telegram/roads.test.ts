import { expect, test } from 'vitest'
import type { Credentials } from '../../src/core/ports/credentials.ts'
import { MiB } from '../../src/lib/units.ts'
import { chooseRoad, documentLimits, sendsEarly } from '../../src/telegram/roads.ts'

const both: Credentials = {
  userId: 'u',
  botToken: '1:a',
  channelId: '-1001',
  session: '1abc',
  apiId: 1,
  apiHash: 'h',
}
const onlyBot = { ...both, session: null }
const onlyUser = { ...both, botToken: null }
const bareBot = { ...onlyBot, apiId: null, apiHash: null }
const rules = { botApiLocal: false, maxMtprotoBytes: null }

test.each([
  ['50 MB with a bot', both, 50 * MiB, 'bot-api'],
  ['a byte more', both, 50 * MiB + 1, 'mtproto-user'],
  ['a byte more without a session', onlyBot, 50 * MiB + 1, 'mtproto-bot'],
  ['a small file without a bot', onlyUser, 10, 'mtproto-user'],
  ['2000 MB', both, 2000 * MiB, 'mtproto-user'],
] as const)('%s', (_name, credentials, size, road) => {
  expect(chooseRoad(credentials, size, rules)).toBe(road)
})

test.each([
  ['a user', both, 'mtproto-user'],
  ['a bot', onlyBot, 'mtproto-bot'],
  ['a bot alone', bareBot, 'bot-api'],
] as const)('a small document that is to be posted once goes as %s', (_name, credentials, road) => {
  expect(chooseRoad(credentials, 10, { ...rules, exactlyOnce: true })).toBe(road)
})

test.each([
  ['a user', both, rules, { document: 2000, volume: 2000 }],
  [
    'a premium user',
    both,
    { ...rules, maxMtprotoBytes: 4000 * MiB },
    { document: 4000, volume: 2000 },
  ],
  ['a bot', onlyBot, rules, { document: 2000, volume: 2000 }],
  ['a bot alone', bareBot, rules, { document: 20, volume: 20 }],
  [
    'a bot alone at a local server',
    bareBot,
    { ...rules, botApiLocal: true },
    { document: 2000, volume: 2000 },
  ],
  ['nobody', { ...bareBot, botToken: null }, rules, { document: 2000, volume: 2000 }],
])(
  'documents and volumes of %s have their limits',
  (_name, credentials, given, { document, volume }) => {
    expect(documentLimits(credentials, given)).toEqual({
      documentBytes: document * MiB,
      volumeBytes: volume * MiB,
    })
  },
)

test('a local Bot API server takes 2000 MB', () => {
  const local = { ...rules, botApiLocal: true }

  expect(chooseRoad(bareBot, 2000 * MiB, local)).toBe('bot-api')
  expect(() => chooseRoad(both, 2000 * MiB + 1, local)).toThrow(/files of this size/)
})

test('more than Telegram takes is refused with 413, unless the account may have more', () => {
  expect(() => chooseRoad(both, 2000 * MiB + 1, rules)).toThrow(
    expect.objectContaining({ code: 'FILE_TOO_LARGE', status: 413 }),
  )
  const premium = { ...rules, maxMtprotoBytes: 4000 * MiB }
  expect(chooseRoad(both, 2000 * MiB + 1, premium)).toBe('mtproto-user')
})

test.each([
  ['a large file with a bot alone', bareBot, 51 * MiB, 'Connect Telegram in settings'],
  ['a small file with nothing', { ...bareBot, botToken: null }, 10, 'Connect Telegram'],
  ['a large file with nothing', { ...bareBot, botToken: null }, 51 * MiB, 'Connect Telegram'],
])('%s has no road', (_name, credentials, size, sentence) => {
  expect(() => chooseRoad(credentials, size, rules)).toThrow(
    expect.objectContaining({
      code: 'TELEGRAM_NOT_CONNECTED',
      message: expect.stringContaining(sentence),
    }),
  )
})

test('only large files on MTProto roads are sent before they are whole', () => {
  expect(sendsEarly('mtproto-user', 10 * MiB)).toBe(false)
  expect(sendsEarly('mtproto-user', 10 * MiB + 1)).toBe(true)
  expect(sendsEarly('mtproto-bot', 60 * MiB)).toBe(true)
  expect(sendsEarly('bot-api', 40 * MiB)).toBe(false)
})
