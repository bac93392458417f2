import { expect, test } from 'vitest'
import { createRawClient, getConfig, ping } from './raw-client.ts'
import { registerKey, startProtocol } from './server.ts'
import { openWire, type TransportName } from './wire.ts'

const transports: [TransportName, boolean][] = [
  ['abridged', false],
  ['intermediate', false],
  ['padded', false],
  ['full', false],
  ['abridged', true],
  ['intermediate', true],
  ['padded', true],
]

test.each(transports)('%s transport, obfuscated: %s', async (transport, obfuscated) => {
  const { port, keys } = await startProtocol()
  const client = createRawClient(await openWire(port, transport, obfuscated), registerKey(keys))

  client.send({ body: ping(5n) })
  client.send({ body: getConfig() })

  await expect(client.receiveOnly('pong')).resolves.toMatchObject({ content: { ping_id: 5n } })
  const answer = await client.receiveOnly('rpc_result')
  expect(answer.content.result).toMatchObject({ _: 'config' })
})

test('a frame may come byte by byte', async () => {
  const { port, keys } = await startProtocol()
  const wire = await openWire(port)
  const client = createRawClient({ ...wire, send: sendSlowly }, registerKey(keys))
  function sendSlowly(payload: Uint8Array): void {
    const header = Buffer.alloc(4)
    header.writeUInt32LE(payload.length)
    for (const byte of Buffer.concat([header, payload])) wire.sendRaw(Buffer.from([byte]))
  }

  client.send({ body: ping(6n) })

  await expect(client.receiveOnly('pong')).resolves.toMatchObject({ content: { ping_id: 6n } })
})

test.each(['abridged', 'intermediate'] as const)('quick acknowledgement, %s', async (transport) => {
  const { port, keys } = await startProtocol()
  const wire = await openWire(port, transport)
  const key = registerKey(keys)
  const client = createRawClient({ ...wire, send: sendUrgently }, key)
  function sendUrgently(payload: Uint8Array): void {
    const header = Buffer.alloc(4)
    if (transport === 'intermediate') header.writeUInt32LE(payload.length + 0x80000000)
    else header.writeUInt8(payload.length / 4 + 0x80)
    wire.sendRaw(Buffer.concat([header.subarray(0, transport === 'intermediate' ? 4 : 1), payload]))
  }
  const first = new Promise<Buffer>((resolve) => wire.socket.once('data', resolve))

  client.send({ body: ping() })

  const token = (await first).subarray(0, 4)
  expect(token.readUInt8(transport === 'intermediate' ? 3 : 0) & 0x80).toBe(0x80)
})

test.each([
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['TLS', Buffer.from('160301020001000000', 'hex')],
  ['noise', Buffer.alloc(128, 0x55)],
  ['a full frame with a wrong CRC', Buffer.from('10000000000000000000000000000000', 'hex')],
  ['an oversize full frame', Buffer.from('ffffff7f00000000', 'hex')],
  ['an oversize intermediate frame', Buffer.from('eeeeeeeeffffff7f', 'hex')],
  ['an empty intermediate frame', Buffer.from('eeeeeeee00000000', 'hex')],
  ['an oversize abridged frame', Buffer.from('ef7fffffff', 'hex')],
  ['a payload shorter than a key id', Buffer.from('eeeeeeee0400000001020304', 'hex')],
])('%s ends the connection and nothing else', async (_name, bytes) => {
  const { port, keys } = await startProtocol()
  const wire = await openWire(port, 'full')

  wire.sendRaw(bytes)

  await wire.closed
  const client = createRawClient(await openWire(port), registerKey(keys))
  client.send({ body: ping() })
  await expect(client.receiveOnly('pong')).resolves.toBeDefined()
})

test('half a frame and then the end does no harm', async () => {
  const { port, keys } = await startProtocol()
  const wire = await openWire(port)
  wire.sendRaw(Buffer.from('00100000abcd', 'hex'))

  wire.socket.end()

  await wire.closed
  const client = createRawClient(await openWire(port), registerKey(keys))
  client.send({ body: ping() })
  await expect(client.receiveOnly('pong')).resolves.toBeDefined()
})
