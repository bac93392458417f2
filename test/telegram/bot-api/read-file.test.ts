import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { type BotApiRoad, createBotApiRoad } from '../../../src/telegram/bot-api/bot-api-road.ts'
import type { BotFile } from '../../../src/telegram/bot-api/read-file.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { TOKEN } from './fake-bot-api.ts'

const BYTES = randomBytes(10 * MiB)
const { signal } = new AbortController()

test('blocks that are asked for one after the other come from one answer for each 8 MiB', async () => {
  const { read, ranges } = await start()

  for (let block = 0; block < 10; block++)
    await expectBytes(read(block * MiB, MiB), block * MiB, MiB)

  expect(ranges).toEqual([range(0, 8 * MiB), range(8 * MiB, 2 * MiB)])
})

test('blocks that are asked for at once come from one answer, each with its bytes', async () => {
  const { read, ranges } = await start()

  const lengths = [MiB, MiB / 2, MiB, MiB / 8]
  let offset = MiB
  const reads = lengths.map((length) => {
    const bytes = expectBytes(read(offset, length), offset, length)
    offset += length
    return bytes
  })
  await Promise.all(reads)

  expect(ranges).toEqual([range(MiB, 7 * MiB)])
})

test('a look at a place asks for its bytes and no more', async () => {
  const { read, ranges, openConnections } = await start()

  await expectBytes(read(MiB, MiB / 8), MiB, MiB / 8)
  await expectBytes(read(BYTES.length - 1, 1), BYTES.length - 1, 1)

  expect(ranges).toEqual([range(MiB, MiB / 8), range(BYTES.length - 1, 1)])
  await vi.waitFor(async () => expect(await openConnections()).toBe(0))
})

test('an answer that stands still because its reader does is not late', async () => {
  const { read, ranges } = await start({ stallMs: 100 })

  await expectBytes(read(0, MiB), 0, MiB)
  await wait(250)
  await expectBytes(read(MiB, MiB), MiB, MiB)

  expect(ranges).toHaveLength(1)
})

test('an answer that stops while a block is waited for is given up', async () => {
  const { read } = await start({ stallMs: 100 }, (response) => response.write(BYTES.subarray(0, 9)))

  await expect(read(0, MiB)).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
})

test('a caller that leaves takes nothing from the others', async () => {
  const held = Promise.withResolvers<void>()
  const { read, ranges } = await start({}, async (response, bytes) => {
    await held.promise
    response.end(bytes)
  })
  const leaving = new AbortController()
  const left = read(0, MiB, leaving.signal)
  const second = read(MiB, MiB)
  await vi.waitFor(() => expect(ranges).toHaveLength(1))
  leaving.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  held.resolve()

  await expectBytes(second, MiB, MiB)
  expect(ranges).toEqual([range(0, 8 * MiB)])
})

test('the last caller that leaves ends the connection', async () => {
  const { read, ranges, openConnections } = await start({}, (response) => response.flushHeaders())
  const leaving = new AbortController()
  const reads = [0, 1].map((block) => read(block * MiB, MiB, leaving.signal))
  await vi.waitFor(() => expect(ranges).toHaveLength(1))
  leaving.abort(new Error('left'))

  for (const left of reads) await expect(left).rejects.toThrow('left')
  await vi.waitFor(async () => expect(await openConnections()).toBe(0))
})

test('a caller that has left before its block is asked for takes no place in the answer', async () => {
  const { read, ranges } = await start()

  await expectBytes(read(0, MiB), 0, MiB)
  await expect(read(MiB, MiB, AbortSignal.abort(new Error('left')))).rejects.toThrow('left')
  await expectBytes(read(MiB, MiB), MiB, MiB)

  expect(ranges).toHaveLength(1)
})

test('a connection that breaks fails all that wait, and the next block asks anew', async () => {
  let cuts = 1
  const { read, ranges } = await start({}, (response, bytes) => {
    if (cuts-- > 0) response.write(bytes.subarray(0, MiB + 9), () => response.destroy())
    else response.end(bytes)
  })

  const [, second, third] = await Promise.allSettled([0, 1, 2].map((at) => read(at * MiB, MiB)))
  expect([second, third]).toMatchObject([
    { status: 'rejected', reason: { code: 'TELEGRAM_UNAVAILABLE' } },
    { status: 'rejected', reason: { code: 'TELEGRAM_UNAVAILABLE' } },
  ])
  await expectBytes(read(MiB, MiB), MiB, MiB)

  expect(ranges).toEqual([range(0, 8 * MiB), range(MiB, 7 * MiB)])
})

test('an answer that is cut while no block is waited for is no failure', async () => {
  let answer: ServerResponse | undefined
  const { read, ranges, openConnections } = await start({}, (response, bytes) => {
    if (answer) response.end(bytes)
    else response.write(bytes.subarray(0, MiB))
    answer ??= response
  })

  await expectBytes(read(0, MiB), 0, MiB)
  answer?.destroy()
  await vi.waitFor(async () => expect(await openConnections()).toBe(0))
  await vi.waitFor(() => expectBytes(read(MiB, MiB), MiB, MiB))

  expect(ranges.at(-1)).toBe(range(MiB, 7 * MiB))
})

test('a file that is shorter than it was said to be gives what it has', async () => {
  const { read } = await start({}, (response, bytes) => response.end(bytes.subarray(0, MiB + 9)))

  const [first, second, third] = await Promise.all([0, 1, 2].map((at) => read(at * MiB, MiB)))

  expect([first?.length, second?.length, third?.length]).toEqual([MiB, 9, 0])
})

type Answer = (response: ServerResponse, bytes: Buffer) => unknown

async function start(
  timeouts: { stallMs?: number } = {},
  answer: Answer = (response, bytes) => response.end(bytes),
): Promise<{
  read: (
    offset: number,
    length: number,
    signal?: AbortSignal,
  ) => ReturnType<BotApiRoad['readBlock']>
  ranges: string[]
  openConnections: () => Promise<number>
}> {
  const ranges: string[] = []
  const server = createServer((request, response) => {
    const asked = request.headers.range ?? ''
    ranges.push(asked)
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(asked) ?? []
    const bytes = BYTES.subarray(Number(from), Number(to) + 1)
    response.writeHead(request.url === `/root/file/bot${TOKEN}/documents/a%20file` ? 206 : 404)
    answer(response, bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const road = createBotApiRoad({
    root: `http://127.0.0.1:${(server.address() as AddressInfo).port}/root/`,
    local: false,
    log: createRecordingLog(),
    timeouts,
  })
  const size = BYTES.length
  const file: BotFile = { token: TOKEN, path: 'documents/a file', size, uniqueId: 'u1' }
  return {
    read: (offset, length, leaving = signal) => road.readBlock(file, { offset, length }, leaving),
    ranges,
    openConnections: () =>
      new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
  }
}

async function expectBytes(
  block: Promise<Uint8Array>,
  offset: number,
  length: number,
): Promise<void> {
  const expected = BYTES.subarray(offset, offset + length)
  expect(Buffer.compare(await block, expected)).toBe(0)
}

function range(offset: number, length: number): string {
  return `bytes=${offset}-${offset + length - 1}`
}
