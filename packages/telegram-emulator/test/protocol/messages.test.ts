import { gzipSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import type { RpcCall, RpcOutcome } from '../../src/types.ts'
import {
  contain,
  createRawClient,
  getConfig,
  ping,
  type RawClient,
  serialise,
} from './raw-client.ts'
import { type Answers, registerKey, startProtocol } from './server.ts'
import { openWire } from './wire.ts'

const TRUE: RpcOutcome = { kind: 'result', value: { _: 'boolTrue' } }

async function start(answers: Answers = {}, hooks = {}) {
  const server = await startProtocol(answers, hooks)
  const key = registerKey(server.keys)
  const wire = await openWire(server.port)
  return { ...server, key, wire, client: createRawClient(wire, key) }
}

async function refusalOf(client: RawClient): Promise<unknown> {
  const { content } = await client.receiveOnly('bad_msg_notification')
  return content.error_code
}

test('a session begins with the news that the server knows nothing of it', async () => {
  const { client } = await start()

  const { id } = client.send({ body: ping() })

  const first = await client.receive()
  expect(first.content).toMatchObject({ _: 'new_session_created', first_msg_id: id })
  expect(first.seqno).toBe(1)
  expect(first.id % 4n).toBe(3n)
  const second = await client.receive()
  expect(second.content).toMatchObject({ _: 'pong', msg_id: id })
  expect(second.id % 4n).toBe(1n)
  expect(second.seqno % 2).toBe(0)
})

test('a wrong salt is refused with the right one, which is then accepted', async () => {
  const { client, calls } = await start()

  const { id, seqno } = client.send({ body: getConfig(), salt: 0n })
  const refusal = await client.receive()

  expect(refusal.content).toMatchObject({
    _: 'bad_server_salt',
    bad_msg_id: id,
    bad_msg_seqno: seqno,
    error_code: 48,
  })
  expect(calls).toHaveLength(0)
  const salt = refusal.content.new_server_salt
  client.send({ body: getConfig(), salt: typeof salt === 'bigint' ? salt : 0n })
  const answer = await client.receiveOnly('rpc_result')
  expect(answer.content.result).toMatchObject({ _: 'config' })
})

test('a repeated message is executed once and answered again', async () => {
  const { client, calls } = await start()
  const sent = client.send({ body: getConfig() })
  const first = await client.receiveOnly('rpc_result')

  client.send({ body: getConfig(), ...sent })
  const second = await client.receiveOnly('rpc_result')

  expect(calls).toHaveLength(1)
  expect(second.id).toBe(first.id)
  expect(second.seqno).toBe(first.seqno)
})

test('an answer that was acknowledged is not sent again', async () => {
  const { client, calls } = await start()
  const sent = client.send({ body: getConfig() })
  const { id } = await client.receiveOnly('rpc_result')

  client.send({ body: acknowledge(id), seqno: 2 })
  client.send({ body: getConfig(), ...sent })

  const next = await client.receive()
  expect(next.content).toMatchObject({ _: 'msgs_ack', msg_ids: [sent.id] })
  expect(calls).toHaveLength(1)
})

test('an answer finds the session on its next connection', async () => {
  let finish: (outcome: RpcOutcome) => void = () => {}
  let push: RpcCall['push'] | undefined
  const { client, wire, key, port } = await start({
    'help.getNearestDc': (call) => {
      push = call.push
      return new Promise((resolve) => (finish = resolve))
    },
  })
  const sent = client.send({ body: serialise('help.getNearestDc') })
  await client.receiveOnly('new_session_created')
  // The news of the session leaves before the call is made.
  await vi.waitFor(() => expect(push).toBeDefined())
  wire.socket.destroy()
  // An answer that is given before the server has noticed would go to the old connection.
  await vi.waitFor(() => expect(push?.({ _: 'updatesTooLong' })).toBe(false))
  finish({ kind: 'result', value: { _: 'nearestDc', this_dc: 2, nearest_dc: 2, country: 'XX' } })

  const again = createRawClient(await openWire(port), key, client.sessionId)
  again.send({ body: ping() })

  const { content } = await again.receiveOnly('rpc_result')
  expect(content).toMatchObject({ req_msg_id: sent.id, result: { _: 'nearestDc' } })
})

test.each([
  ['old', () => ({ id: BigInt(Math.floor(Date.now() / 1000) - 400) << 32n }), 16],
  ['from the future', () => ({ id: BigInt(Math.floor(Date.now() / 1000) + 90) << 32n }), 17],
  ['not divisible by four', (client: RawClient) => ({ id: client.nextId() + 1n }), 18],
  ['without the odd number of a call', () => ({ seqno: 6 }), 35],
])('a message id or number that is %s is refused', async (_name, wrong, code) => {
  const { client, calls } = await start()
  client.send({ body: ping() })

  client.send({ body: getConfig(), ...wrong(client) })

  await expect(refusalOf(client)).resolves.toBe(code)
  expect(calls).toHaveLength(0)
})

test('numbers must grow with ids', async () => {
  const { client } = await start()
  const early = client.nextId()
  client.send({ body: ping(), seqno: 9 })

  client.send({ body: getConfig(), seqno: 3 })
  await expect(refusalOf(client)).resolves.toBe(32)
  client.send({ body: getConfig(), seqno: 11, id: early })
  await expect(refusalOf(client)).resolves.toBe(33)
})

test('a container is opened, and its own id cannot come twice', async () => {
  const { client, calls } = await start()
  const inner = [
    { id: client.nextId(), seqno: 1, body: getConfig() },
    { id: client.nextId(), seqno: 3, body: ping(4n) },
  ]
  const container = { body: contain(inner), seqno: 4 }

  const { id } = client.send(container)

  await expect(client.receiveOnly('pong')).resolves.toMatchObject({ content: { ping_id: 4n } })
  await vi.waitFor(() => expect(calls).toHaveLength(1))
  client.send({ ...container, id })
  await expect(refusalOf(client)).resolves.toBe(19)
})

test('a container within a container is refused', async () => {
  const { client } = await start()
  const body = contain([{ id: client.nextId(), seqno: 0, body: contain([]) }])

  client.send({ body, seqno: 0 })

  await expect(refusalOf(client)).resolves.toBe(64)
})

test('a packed call is unpacked', async () => {
  const { client, calls } = await start()
  const body = serialise('invokeWithLayer', (writer) => {
    writer.int(220)
    writer.int(0x3072cfa1)
    writer.bytes(gzipSync(getConfig()))
  })

  client.send({ body })

  await client.receiveOnly('rpc_result')
  expect(calls[0]).toMatchObject({ method: { _: 'help.getConfig' }, layer: 220 })
})

test.each([
  ['an unknown method', Buffer.from('efbeadde', 'hex'), 'INPUT_METHOD_INVALID_3735928559'],
  ['a method cut short', serialise('users.getUsers'), 'INPUT_FETCH_ERROR'],
  ['a vector that lies', lyingVector(), 'INPUT_FETCH_ERROR'],
  ['a packed bomb', bomb(), 'INPUT_FETCH_ERROR'],
  ['an unknown constructor', unknownUser(), 'INPUT_CONSTRUCTOR_INVALID_DEADBEEF'],
  ['no body at all', Buffer.alloc(0), 'INPUT_FETCH_ERROR'],
])('%s is refused and the connection lives on', async (_name, body, message) => {
  const { client } = await start()

  client.send({ body })

  const { content } = await client.receiveOnly('rpc_result')
  expect(content.result).toEqual({ _: 'rpc_error', error_code: 400, error_message: message })
  client.send({ body: ping() })
  await client.receiveOnly('pong')
})

test('an answer that does not fit its schema is an error of the server', async () => {
  const { client } = await start({
    'help.getNearestDc': () => ({ kind: 'result', value: { _: 'noSuchThing' } }),
  })

  client.send({ body: serialise('help.getNearestDc') })

  const { content } = await client.receiveOnly('rpc_result')
  expect(content.result).toMatchObject({ error_code: 500 })
})

test('silence is acknowledged but not answered; a drop cuts the connection', async () => {
  const { client, wire } = await start({
    'help.getNearestDc': () => ({ kind: 'silence' }),
    'help.getInviteText': () => ({ kind: 'drop' }),
  })

  const sent = client.send({ body: serialise('help.getNearestDc') })

  const { content } = await client.receiveOnly('msgs_ack')
  expect(content.msg_ids).toEqual([sent.id])
  client.send({ body: serialise('help.getInviteText') })
  await wire.closed
})

test('a call waits for the one it follows, and fails with it', async () => {
  let finish: (outcome: RpcOutcome) => void = () => {}
  const { client, calls } = await start({
    'help.getNearestDc': () => new Promise((resolve) => (finish = resolve)),
    'help.getInviteText': () => TRUE,
  })
  const first = client.send({ body: serialise('help.getNearestDc') })
  const second = client.send({ body: after(first.id) })
  client.send({ body: ping() })
  await client.receiveOnly('pong')
  expect(calls).toHaveLength(1)

  finish({ kind: 'error', code: 400, message: 'NO' })

  await client.receiveOnly('rpc_result')
  const { content } = await client.receiveOnly('rpc_result')
  expect(content).toMatchObject({
    req_msg_id: second.id,
    result: { error_message: 'MSG_WAIT_FAILED' },
  })
  expect(calls).toHaveLength(1)
})

test('states, future salts, dropped answers and destroyed sessions', async () => {
  const { client, key, port } = await start({ 'help.getNearestDc': () => ({ kind: 'silence' }) })
  const sent = client.send({ body: getConfig() })
  await client.receiveOnly('rpc_result')

  client.send({ body: longs('msgs_state_req', [sent.id, 4n]), seqno: 3 })
  const states = await client.receiveOnly('msgs_state_info')
  expect(states.content.info).toEqual(Buffer.from([4 | 32 | 64, 2]))

  client.send({ body: serialise('get_future_salts', (writer) => writer.int(3)), seqno: 5 })
  const future = await client.receiveOnly('future_salts')
  expect(future.content.salts).toHaveLength(3)

  client.send({
    body: serialise('rpc_drop_answer', (writer) => writer.long(sent.id)),
    seqno: 7,
  })
  const dropped = await client.receiveOnly('rpc_result')
  expect(dropped.content.result).toMatchObject({ _: 'rpc_answer_dropped' })

  const other = createRawClient(await openWire(port), key)
  other.send({ body: ping() })
  await other.receiveOnly('pong')
  client.send({
    body: serialise('destroy_session', (writer) => writer.long(other.sessionId)),
    seqno: 9,
  })
  await client.receiveOnly('destroy_session_ok')
})

test('a key that the server does not know, or no longer, is answered with -404', async () => {
  let alive = true
  const { client, key, keys, port } = await start({}, { keyAlive: () => alive })
  client.send({ body: ping() })
  await client.receiveOnly('pong')

  alive = false
  client.send({ body: ping() })
  await expect(client.receiveOnly('pong')).rejects.toThrow('-404')

  alive = true
  keys.all.delete(key.id)
  const stranger = createRawClient(await openWire(port), key)
  stranger.send({ body: ping() })
  await expect(stranger.receive()).rejects.toThrow('-404')
})

test('a message that was changed on the way ends the connection', async () => {
  const { port, keys, calls } = await startProtocol()
  const wire = await openWire(port)
  const client = createRawClient({ ...wire, send: sendSpoilt }, registerKey(keys))
  function sendSpoilt(payload: Uint8Array): void {
    payload[60] = (payload[60] ?? 0) ^ 1
    wire.send(payload)
  }

  client.send({ body: getConfig() })

  await expect(client.receive()).rejects.toThrow('-404')
  await wire.closed
  expect(calls).toHaveLength(0)
})

test('connectionKeyed is called once for a key, and connectionClosed at the end', async () => {
  const connectionKeyed = vi.fn()
  const connectionClosed = vi.fn()
  const { client, key, wire } = await start({}, { connectionKeyed, connectionClosed })
  client.send({ body: ping() })
  client.send({ body: ping() })
  await client.receiveOnly('pong')
  await client.receiveOnly('pong')

  wire.socket.destroy()

  await vi.waitFor(() => expect(connectionClosed).toHaveBeenCalledOnce())
  expect(connectionKeyed).toHaveBeenCalledExactlyOnceWith(expect.anything(), key.id)
})

function acknowledge(id: bigint): Buffer {
  return longs('msgs_ack', [id])
}

function longs(name: string, ids: bigint[]): Buffer {
  return serialise(name, (writer) => {
    writer.int(0x1cb5c415)
    writer.int(ids.length)
    for (const id of ids) writer.long(id)
  })
}

function after(id: bigint): Buffer {
  return serialise('invokeAfterMsg', (writer) => {
    writer.long(id)
    writer.raw(serialise('help.getInviteText'))
  })
}

function lyingVector(): Buffer {
  return serialise('users.getUsers', (writer) => {
    writer.int(0x1cb5c415)
    writer.int(0x7fffffff)
  })
}

function unknownUser(): Buffer {
  return serialise('users.getUsers', (writer) => {
    writer.int(0x1cb5c415)
    writer.int(1)
    writer.int(0xdeadbeef)
  })
}

function bomb(): Buffer {
  return serialise('invokeWithoutUpdates', (writer) => {
    writer.int(0x3072cfa1)
    writer.bytes(gzipSync(Buffer.alloc(64 * 1024 * 1024)))
  })
}
