import { expect, test } from 'vitest'
import type { Credentials } from '../../src/core/ports/credentials.ts'
import { MiB } from '../../src/lib/units.ts'
import { chooseRoad, sendsEarly } from '../../src/telegram/roads.ts'

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
