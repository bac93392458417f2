import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { authKeyName, parseSession } from '../../../../src/telegram/mtproto/connection/session.ts'

const key = randomBytes(256)

function telethon(dcId: number, address: number[], port: number): string {
  const tail = Buffer.alloc(2)
  tail.writeUInt16BE(port)
  const packed = Buffer.concat([Buffer.from([dcId, ...address]), tail, key])
  return `1${packed.toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`
}

function gramjs(dcId: number, host: string, port: number): string {
  const [length, tail] = [Buffer.alloc(2), Buffer.alloc(2)]
  length.writeUInt16BE(host.length)
  tail.writeUInt16BE(port)
  return `1${Buffer.concat([Buffer.from([dcId]), length, Buffer.from(host), tail, key]).toString('base64')}`
}

test('a Telethon session with an IPv4 address', () => {
  const text = telethon(2, [149, 154, 167, 51], 443)

  expect(text.length).toBe(353)
  expect(parseSession(text)).toEqual({
    dcId: 2,
    address: { host: '149.154.167.51', port: 443 },
    authKey: key,
  })
})

test('a Telethon session with an IPv6 address', () => {
  const address = [0x20, 1, 6, 0x7c, 4, 0xe8, 0xf0, 2, 0, 0, 0, 0, 0, 0, 0, 0xa]

  const { address: parsed } = parseSession(telethon(4, address, 443))

  expect(parsed).toEqual({ host: '2001:067c:04e8:f002:0000:0000:0000:000a', port: 443 })
})

test.each([
  ['149.154.167.91', 80],
  ['127.0.0.1', 40_123],
  ['2001:67c:4e8:f004::a', 443],
  ['vesta.web.telegram.org', 443],
])('a gramjs session for %s', (host, port) => {
  expect(parseSession(gramjs(4, host, port))).toEqual({
    dcId: 4,
    address: { host, port },
    authKey: key,
  })
})

test('spaces and line ends around a pasted session do not matter', () => {
  expect(parseSession(`  ${telethon(1, [1, 2, 3, 4], 443)}\n`).dcId).toBe(1)
})

test.each([
  ['empty', ''],
  ['another version', `2${telethon(2, [1, 2, 3, 4], 443).slice(1)}`],
  ['cut short', telethon(2, [1, 2, 3, 4], 443).slice(0, 200)],
  ['not base64', '1!!!not a session!!!'],
  ['no data centre', telethon(0, [1, 2, 3, 4], 443)],
  ['no port', telethon(2, [1, 2, 3, 4], 0)],
])('a malformed session is refused: %s', (_name, text) => {
  expect(() => parseSession(text)).toThrow(
    expect.objectContaining({
      code: 'TELEGRAM_SESSION_INVALID',
      message: 'Telegram session not authorized',
    }),
  )
})

test('two strings of one key have one name, which does not show the key', () => {
  const one = parseSession(telethon(2, [127, 0, 0, 1], 8443))
  const two = parseSession(gramjs(2, '127.0.0.1', 8443))

  expect(authKeyName(one.authKey)).toBe(authKeyName(two.authKey))
  expect(authKeyName(one.authKey)).not.toBe(authKeyName(randomBytes(256)))
  expect(key.toString('hex')).not.toContain(authKeyName(one.authKey))
})
