import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

/** What a listener of `/ws/{userId}` may do to the worker. */

const PING = Buffer.from([0x89, 0x80 + 4, 0, 0, 0, 0, 1, 2, 3, 4])
const PONG_ANSWER = Buffer.from([0x8a, 4, 1, 2, 3, 4])
const EMPTY_FRAGMENT = Buffer.from([0x01, 0x80, 0, 0, 0, 0])
const EMPTY_CONTINUATION = Buffer.from([0x00, 0x80, 0, 0, 0, 0])
/** The first two bytes of the payload of a close frame. */
const POLICY_VIOLATION = 1008

const repeated = (frame: Buffer, times: number) => Buffer.concat(Array(times).fill(frame))
const textFrame = (text: string) =>
  Buffer.concat([Buffer.from([0x81, 0x80 + text.length, 0, 0, 0, 0]), Buffer.from(text)])

async function start(credentials = testCredentials) {
  return startWorker({
    gateway: createFakeGateway(),
    credentials,
    env: { TRUST_PROXY: 'loopback' },
  })
}

/** A socket by hand, for what clients do not let one do; its request is sent, its answer not awaited. */
function upgrade(url: string, address = '203.0.113.1') {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(
    `GET /ws/ann?token=token-ann HTTP/1.1\r\nHost: ${hostname}\r\n` +
      `X-Forwarded-For: ${address}\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: ${Buffer.alloc(16, 1).toString('base64')}\r\n\r\n`,
  )
  return socket
}

/** Some at a time, for the system's queue of connections is shorter; each lot has its address. */
async function upgradeMany(
  url: string,
  count: number,
  addressOf: (nth: number) => string,
  watch: (socket: Socket) => unknown,
): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const length = Math.min(50, count - sockets.length)
    const address = addressOf(sockets.length)
    const some = Array.from({ length }, () => upgrade(url, address))
    some.forEach(watch)
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    sockets.push(...some)
  }
  return sockets
}

/** All that has come since the upgrade was answered. */
async function open(url: string): Promise<{ socket: Socket; read: () => Buffer }> {
  const socket = upgrade(url)
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  const read = () => {
    const all = Buffer.concat(pieces)
    const end = all.indexOf('\r\n\r\n')
    return end < 0 ? Buffer.alloc(0) : all.subarray(end + 4)
  }
  await vi.waitFor(() =>
    expect(Buffer.concat(pieces).toString()).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\n/s),
  )
  return { socket, read }
}

test.each([
  ['pings of the protocol', repeated(PING, 5000)],
  ['pings in JSON', repeated(textFrame('{"type":"ping"}'), 5000)],
  ['unsolicited pongs', repeated(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]), 5000)],
  [
    'a message in endless pieces',
    Buffer.concat([EMPTY_FRAGMENT, repeated(EMPTY_CONTINUATION, 5000)]),
  ],
])('a subscriber that floods with %s is closed, and no other is', async (_name, flood) => {
  const { url } = await start()
  const quiet = await open(url)
  const { socket, read } = await open(url)

  socket.write(flood)
  await once(socket, 'close')
  quiet.socket.write(PING)

  const closed = read().indexOf(Buffer.from([0x88]))
  expect(read().readUInt16BE(closed + 2)).toBe(POLICY_VIOLATION)
  expect(read().length).toBeLessThan(16 * 1024)
  await vi.waitFor(() => expect(quiet.read()).toEqual(PONG_ANSWER))
})

test('the number of sockets is limited, also while tokens are checked, until one closes', async () => {
  const { promise: looking, resolve: answer } = Promise.withResolvers<void>()
  const { url } = await start({
    ...testCredentials,
    forUpload: async (token) => {
      await looking
      return testCredentials.forUpload(token)
    },
  })
  const answers: string[] = []

  const sockets = await upgradeMany(
    url,
    760,
    (nth) => `203.0.113.${Math.floor(nth / 200)}`,
    (socket) => socket.once('data', (bytes: Buffer) => answers.push(bytes.toString().slice(9, 12))),
  )
  await vi.waitFor(() => expect(answers).toEqual(Array(10).fill('503')))
  answer()

  await vi.waitFor(() => expect(answers).toHaveLength(760))
  expect(answers.filter((status) => status === '101')).toHaveLength(750)

  for (const socket of sockets) socket.destroy()
  await vi.waitFor(async () => {
    const [bytes] = await once(upgrade(url), 'data')
    expect(String(bytes)).toMatch(/^HTTP\/1\.1 101 /)
  })
})

test('one address opens no more sockets than its share', async () => {
  const { url } = await start()
  const answers: string[] = []
  const statusOf = (bytes: Buffer): string => bytes.toString().slice(9, 12)

  const [first] = await upgradeMany(
    url,
    260,
    () => '203.0.113.1',
    (socket) => socket.once('data', (bytes: Buffer) => answers.push(statusOf(bytes))),
  )
  await vi.waitFor(() => expect(answers).toHaveLength(260))
  const [other] = await once(upgrade(url, '203.0.113.2'), 'data')

  expect(answers.filter((status) => status === '101')).toHaveLength(250)
  expect(answers.filter((status) => status === '503')).toHaveLength(10)
  expect(statusOf(other)).toBe('101')

  first?.destroy()
  await vi.waitFor(async () => {
    const [bytes] = await once(upgrade(url), 'data')
    expect(statusOf(bytes)).toBe('101')
  })
})
