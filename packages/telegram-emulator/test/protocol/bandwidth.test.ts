import { expect, test, vi } from 'vitest'
import type { Connection } from '../../src/types.ts'
import { createRawClient, getConfig, ping, serialise } from './raw-client.ts'
import { registerKey, startProtocol } from './server.ts'
import { openWire } from './wire.ts'

const KiB = 1024
const CHUNK = 64 * KiB

async function startWithFile() {
  let connection: Connection | null = null
  const { port, keys, calls } = await startProtocol(
    {
      'upload.getFile': ({ method }) => ({
        kind: 'result',
        value: { _: 'upload.file', bytes: Buffer.alloc(Number(method.limit)) },
      }),
      'upload.saveFilePart': () => ({ kind: 'error', code: 400, message: 'TAKEN' }),
    },
    { connectionKeyed: (keyed) => (connection = keyed) },
  )
  const wire = await openWire(port)
  const client = createRawClient(wire, registerKey(keys))
  client.send({ body: ping() })
  await client.receiveOnly('pong')
  if (!connection) throw new Error('No connection was announced')
  const keyed: Connection = connection
  return { client, wire, calls, connection: keyed }
}

test('a limited connection answers no faster than it may, until the limit is lifted', async () => {
  const { client, connection } = await startWithFile()
  connection.setBandwidth(256 * KiB)

  const begun = performance.now()
  client.send({ body: getFile(CHUNK * 2) })
  await client.receiveOnly('rpc_result')

  // 128 KiB at 256 KiB/s, less the burst of a fifth of a second.
  expect(performance.now() - begun).toBeGreaterThan(250)
  // At a byte a second the next answer would take a day.
  connection.setBandwidth(1)
  connection.setBandwidth(null)
  client.send({ body: getFile(CHUNK * 2) })
  await client.receiveOnly('rpc_result')
})

test('a limited connection takes no faster than it may', async () => {
  const { client, connection } = await startWithFile()
  connection.setBandwidth(256 * KiB)

  const begun = performance.now()
  client.send({ body: savePart(Buffer.alloc(CHUNK * 2)) })
  await client.receiveOnly('rpc_result')

  expect(performance.now() - begun).toBeGreaterThan(250)
})

test('a client that does not read is not served on', async () => {
  const { client, wire, calls } = await startWithFile()
  wire.socket.pause()
  const before = calls.length

  for (let i = 0; i < 200; i++) client.send({ body: getFile(KiB * KiB) })

  // Calls whose answers fit into the sockets' buffers and the bounds are answered; the rest waits.
  await vi.waitFor(() => expect(calls.length).toBeGreaterThan(before + 3))
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(calls.length).toBeLessThan(before + 60)
  wire.socket.destroy()
})

test('a destroyed connection is gone at once', async () => {
  const { connection, wire } = await startWithFile()

  connection.destroy()

  await wire.closed
})

test('ping_delay_disconnect ends the connection unless it is renewed', async () => {
  const { client, wire } = await startWithFile()

  client.send({
    body: serialise('ping_delay_disconnect', (writer) => {
      writer.long(3n)
      writer.int(0)
    }),
  })

  await wire.closed
})

test('many calls on one connection are all answered', async () => {
  const { client } = await startWithFile()
  const sent = Array.from({ length: 300 }, () => client.send({ body: getConfig() }).id)

  const answered = new Set<unknown>()
  while (answered.size < sent.length) {
    const { content } = await client.receiveOnly('rpc_result')
    answered.add(content.req_msg_id)
  }

  expect([...answered].sort()).toEqual([...sent].sort())
})

function getFile(limit: number): Buffer {
  return serialise('upload.getFile', (writer) => {
    writer.int(0)
    writer.raw(serialise('inputTakeoutFileLocation'))
    writer.long(0n)
    writer.int(limit)
  })
}

function savePart(bytes: Uint8Array): Buffer {
  return serialise('upload.saveFilePart', (writer) => {
    writer.long(1n)
    writer.int(0)
    writer.bytes(bytes)
  })
}
