import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { fastify } from 'fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createAnswer, readFrames, StrangeAnswer } from '../../../src/cluster/peers/frames.ts'
import { createPeers, type OpenedPeers } from '../../../src/cluster/peers/peers.ts'
import { sealQuestion } from '../../../src/cluster/peers/questions.ts'
import { AppError } from '../../../src/errors.ts'
import { clusterRoutes } from '../../../src/http/cluster/routes.ts'
import { MiB } from '../../../src/lib/units.ts'
import { freePort } from '../../helpers/free-port.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

const SECRET = randomBytes(32)
const { signal } = new AbortController()

interface Options {
  secret?: Buffer
  now?: () => number
  port?: number
}

/** A node that answers other nodes over a real socket. */
async function startNode({ secret = SECRET, now = Date.now, port }: Options = {}) {
  const self = `http://127.0.0.1:${port ?? (await freePort())}`
  const peers = createPeers({ secret, self, log: createRecordingLog(), now })
  const app = fastify({ forceCloseConnections: true })
  await app.register(clusterRoutes, { door: peers.door })
  await app.listen({ port: Number(new URL(self).port), host: '127.0.0.1' })
  const close = async (): Promise<void> => {
    peers.close()
    await app.close()
  }
  onTestFinished(close)
  return { self, peers, app, close }
}

async function startTwo(changes: { a?: Options; b?: Options } = {}) {
  const [a, b] = [await startNode(changes.a), await startNode(changes.b)]
  const ask = (body: unknown = {}, options: Partial<Parameters<OpenedPeers['ask']>[2]> = {}) =>
    a.peers.ask(b.self, { kind: 'telegram', body }, { signal, ...options })
  return { a, b, ask }
}

describe('an answer', () => {
  test.each([null, 7, 'text', [1, { two: 2 }], undefined])('is the value %j', async (value) => {
    const { b, ask } = await startTwo()
    b.peers.answer('telegram', async () => value)

    expect(await ask()).toEqual(value)
  })

  test('tells the question, and who has asked it', async () => {
    const { a, b, ask } = await startTwo()
    b.peers.answer('telegram', async (body, { asker }) => ({ body, asker }))

    expect(await ask({ some: ['thing'] })).toEqual({ body: { some: ['thing'] }, asker: a.self })
  })

  test('is bytes, of any number', async () => {
    const { b, ask } = await startTwo()
    const blocks = [0, 1, 70_000, MiB, 9 * MiB].map((size) => randomBytes(size))
    b.peers.answer('telegram', async (body) => blocks[Number(body)])

    for (const [index, block] of blocks.entries()) {
      const answer = await ask(index)
      expect(answer).toBeInstanceOf(Buffer)
      expect(sha256(answer as Buffer)).toBe(sha256(block))
    }
  })

  test('comes after the events that were emitted before it, in their order', async () => {
    const { b, ask } = await startTwo()
    const events: unknown[] = []
    b.peers.answer('telegram', async (_body, { emit }) => {
      emit({ at: 1 })
      emit({ at: 2 })
      return 'end'
    })

    expect(await ask({}, { onEvent: (event) => events.push(event) })).toBe('end')
    expect(events).toEqual([{ at: 1 }, { at: 2 }])
  })

  test('is the AppError of the answerer, with all that callers see of it', async () => {
    const { b, ask } = await startTwo()
    b.peers.answer('telegram', async () => {
      throw new AppError('TELEGRAM_FLOOD_WAIT', 'Wait', {
        retryAfter: 17,
        peerDown: true,
        details: { field: 'x' },
        cause: new Error('not told'),
      })
    })

    const error = await ask().catch((caught: unknown) => caught)

    expect(error).toBeInstanceOf(AppError)
    expect(error).toHaveProperty('message', 'Wait')
    expect(error).not.toHaveProperty('cause')
    expect(error).toMatchObject({
      code: 'TELEGRAM_FLOOD_WAIT',
      retryAfter: 17,
      peerDown: true,
      retryable: true,
      details: { field: 'x' },
    })
  })

  test('tells nothing of an error of another kind', async () => {
    const { b, ask } = await startTwo()
    b.peers.answer('telegram', async () => {
      throw new TypeError('a secret of the answerer')
    })

    await expect(ask()).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.not.stringMatching(/secret/),
    })
  })

  test('uses the connection of the answer before', async () => {
    const { b, ask } = await startTwo()
    const sockets = new Set<unknown>()
    b.app.server.on('request', ({ socket }: IncomingMessage) => sockets.add(socket))
    b.peers.answer('telegram', async () => randomBytes(100))

    for (let at = 0; at < 5; at++) await ask()

    // One more where a question was put before the end of the answer had come.
    expect(sockets.size).toBeLessThan(3)
  })
})

test('a node answers a ping', async () => {
  const { a, b } = await startTwo()

  expect(await a.peers.ask(b.self, { kind: 'ping', body: null }, { signal })).toBe(b.self)
})

test('who hangs up aborts the signal of the answerer', async () => {
  const { b, ask } = await startTwo()
  const asker = new AbortController()
  let aborted = false
  const begun = Promise.withResolvers<void>()
  b.peers.answer('telegram', async (_body, context) => {
    begun.resolve()
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
    aborted = true
  })
  const answer = ask({}, { signal: asker.signal })

  await begun.promise
  asker.abort(new Error('enough'))

  await expect(answer).rejects.toThrow('enough')
  await vi.waitFor(() => expect(aborted).toBe(true))
})

test('a node whose clock is an hour ahead, or behind, is asked all the same', async () => {
  for (const ahead of [3_600_000, -3_600_000]) {
    const { b, ask } = await startTwo({ b: { now: () => Date.now() + ahead } })
    let answered = 0
    b.peers.answer('telegram', async () => ++answered)

    expect([await ask(), await ask()]).toEqual([1, 2])
  }
})

describe('PEER_UNAVAILABLE is the end of a question', () => {
  const unavailable = { code: 'PEER_UNAVAILABLE', status: 503, retryable: true, peerDown: true }

  test('where no program listens; after some of them at once, without a connection', async () => {
    const a = await startNode()
    const nowhere = `http://127.0.0.1:${await freePort()}`
    const ask = () => a.peers.ask(nowhere, { kind: 'telegram', body: {} }, { signal })

    await vi.waitFor(async () => {
      await expect(ask()).rejects.toMatchObject({ ...unavailable, retryAfter: expect.any(Number) })
      expect(a.peers.circuits()[nowhere]?.state).toBe('open')
    }, 5_000)
  })

  test('where the node is silent, though it takes connections', async () => {
    const a = await startNode()
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    onTestFinished(() => void silent.close())
    await vi.waitFor(() => expect(silent.listening).toBe(true))
    const { port } = silent.address() as AddressInfo

    await expect(
      a.peers.ask(
        `http://127.0.0.1:${port}`,
        { kind: 'telegram', body: {} },
        { signal, silenceMs: 200 },
      ),
    ).rejects.toMatchObject(unavailable)
  })

  test('where the node ends before its answer does', async () => {
    const { b, ask } = await startTwo()
    b.peers.answer('telegram', async (_body, { emit }) => {
      emit('begun')
      await new Promise(() => {})
    })
    const answer = ask({}, { onEvent: () => b.app.server.closeAllConnections() })

    await expect(answer).rejects.toMatchObject(unavailable)
  })

  test('where the node has another key', async () => {
    const { b, ask } = await startTwo({ b: { secret: randomBytes(32) } })
    b.peers.answer('telegram', async () => 'never')

    await expect(ask()).rejects.toMatchObject(unavailable)
  })

  test('where nothing answers questions of this kind yet', async () => {
    const { ask } = await startTwo()

    await expect(ask()).rejects.toMatchObject(unavailable)
  })
})

test('a question that works for longer than the silence allowed hears that the node lives', async () => {
  const { b, ask } = await startTwo()
  b.peers.answer('telegram', async () => {
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    return 'late'
  })

  expect(await ask({}, { silenceMs: 3_000 })).toBe('late')
})

test('a node that stops answers what was asked with SHUTTING_DOWN', async () => {
  const { b, ask } = await startTwo()
  b.peers.answer('telegram', async (_body, { signal: aborts, emit }) => {
    emit('begun')
    await new Promise((_resolve, reject) =>
      aborts.addEventListener('abort', () => reject(aborts.reason)),
    )
  })

  const answer = ask({}, { onEvent: () => b.peers.door.close() })

  await expect(answer).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
})

describe('a stranger', () => {
  const kind = 'telegram'

  function send(url: string, { head, body }: { head?: string; body: Buffer }, to: string = kind) {
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
    if (head !== undefined) headers['x-telestore-question'] = head
    return fetch(`${url}/cluster/${to}`, { method: 'POST', headers, body: new Uint8Array(body) })
  }

  async function startAnswerer() {
    const node = await startNode()
    let asked = 0
    node.peers.answer(kind, async () => ++asked)
    node.peers.answer('block', async () => ++asked)
    const sealed = (
      changes: Partial<Record<'to' | 'instance', string>> & {
        issuedAt?: number
        secret?: Buffer
      } = {},
    ) => {
      const { to = node.self, issuedAt = Date.now(), secret = SECRET } = changes
      const { instance = node.peers.door.instance } = changes
      const head = { from: 'http://asker', issuedAt, instance }
      return sealQuestion(secret, { to, kind }, { ...head, body: {} })
    }
    return { ...node, sealed, asked: () => asked }
  }

  test('gets 404 for a question that is not sealed, not for this node, of another kind, or not whole', async () => {
    const { self, sealed, asked } = await startAnswerer()
    const good = sealed()
    const changed = Buffer.from(good.head, 'base64url')
    changed[20] = (changed[20] ?? 0) ^ 1

    const answers = await Promise.all([
      send(self, { body: Buffer.from('{}') }),
      send(self, { ...good, head: 'AAAA' }),
      send(self, { ...good, head: changed.toString('base64url') }),
      send(self, sealed({ to: 'http://10.0.0.9:3000' })),
      send(self, sealed({ secret: randomBytes(32) })),
      send(self, good, 'block'),
      send(self, sealed(), 'nothing'),
    ])

    expect(answers.map(({ status }) => status)).toEqual(Array(7).fill(404))
    expect(asked()).toBe(0)
  })

  test('cannot ask again what a node has asked', async () => {
    const { self, sealed, asked } = await startAnswerer()
    const question = sealed()
    await (await send(self, question)).arrayBuffer()

    const again = await send(self, question)

    expect([again.status, asked()]).toEqual([404, 1])
  })

  test('cannot ask what was asked long ago, or of an earlier process, or with another body', async () => {
    const { self, sealed, asked } = await startAnswerer()
    const old = sealed({ issuedAt: Date.now() - 31_000 })
    const other = { ...sealed(), body: sealed().body }
    const earlier = sealed({ instance: 'an earlier process' })

    for (const question of [old, other, earlier]) await (await send(self, question)).arrayBuffer()

    expect(asked()).toBe(0)
  })

  test('learns no word of a question or of its answer', async () => {
    const { b, ask } = await startTwo()
    const seen: Buffer[] = []
    b.app.server.on('connection', (socket) => {
      socket.on('data', (bytes: Buffer) => seen.push(bytes))
      const write = socket.write.bind(socket)
      socket.write = ((bytes: Buffer | string, ...rest: []) => {
        seen.push(Buffer.from(bytes))
        return write(bytes, ...rest)
      }) as typeof socket.write
    })
    b.peers.answer(kind, async () => 'the words of the answer')

    await ask({ session: 'the words of the question' })

    const text = Buffer.concat(seen).toString('latin1')
    expect(text).toContain('/cluster/telegram')
    expect(text).not.toMatch(/the words/)
  })
})

describe('of the frames of an answer', () => {
  const question = randomBytes(16)

  function answerOf(to = question): Buffer[] {
    const { salt, frame } = createAnswer(SECRET, to)
    return [salt, ...frame('event', Buffer.from('1')), ...frame('value', Buffer.from('2'))]
  }

  async function read(bytes: Buffer, pieceBytes = bytes.length): Promise<string[]> {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += pieceBytes)
        yield bytes.subarray(at, at + pieceBytes)
    }
    const found: string[] = []
    for await (const { type, content } of readFrames(pieces(), SECRET, question)) {
      found.push(`${type} ${content}`)
      if (type === 'value') break
    }
    return found
  }

  test('each is read, in whatever pieces it comes', async () => {
    for (const size of [1, 2, 7, 1_000]) {
      expect(await read(Buffer.concat(answerOf()), size)).toEqual(['event 1', 'value 2'])
    }
  })

  test('none is believed that was changed, left out, moved, cut off, or is of another answer', async () => {
    const [salt, ...rest] = answerOf()
    const whole = Buffer.concat([salt ?? Buffer.alloc(0), ...rest])
    const event = Buffer.concat(rest.slice(0, 3))
    const value = Buffer.concat(rest.slice(3))
    const head = salt ?? Buffer.alloc(0)
    const changed = [...whole.keys()].map((at) => {
      const copy = Buffer.from(whole)
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy
    })
    const others = [
      Buffer.concat([head, value]),
      Buffer.concat([head, event, event, value]),
      Buffer.concat([head, value, event]),
      whole.subarray(0, -1),
      Buffer.concat([head, event]),
      Buffer.concat(answerOf(randomBytes(16))),
    ]

    for (const bytes of [...changed, ...others])
      await expect(read(bytes)).rejects.toThrow(StrangeAnswer)
  })
})

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
