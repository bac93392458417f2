import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { sha256, uploadFile } from '../../../test/helpers/callers/client.ts'
import { createFakeGateway, documentFileIdOf } from '../../../test/helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../../test/helpers/worker/app.ts'
import { createClient } from '../src/client.ts'
import { startFaultProxy } from './fault-proxy.ts'

const token = 'token-ann'
const GET = 'GET /download'

/** A worker behind a proxy, with one file of `size` bytes for each name in its channel. */
async function start(size: number, names = ['Grüße "1".bin']) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const proxy = await startFaultProxy(worker.url)
  const client = createClient({ url: proxy.url, token })
  const files = names.map((name, index) => {
    const bytes = randomBytes(size)
    gateway.posted.push({ messageId: index + 1, name, mimeType: 'video/mp4', bytes })
    return bytes
  })
  const [bytes = Buffer.alloc(0)] = files
  return { gateway, proxy, client, bytes }
}

/** The same with a file that the worker has sent itself, and so has a receipt of. */
async function startWithReceipts(size: number) {
  const started = await start(size, [])
  started.gateway.fileIdOf = documentFileIdOf
  const bytes = randomBytes(size)
  await uploadFile(started.proxy.url, 'a.bin', bytes, { token })
  return { ...started, bytes }
}

function flipByte(bytes: Buffer | undefined): void {
  if (bytes) bytes[500] = (bytes[500] ?? 0) ^ 1
}

test('a download has the name, the type and every byte of the file', async () => {
  const { client, bytes } = await start(3 * MiB + 17)

  const download = await client.download(1)
  const back = await buffer(download.body)

  expect(sha256(back)).toBe(sha256(bytes))
  expect(download).toMatchObject({
    status: 200,
    fileName: 'Grüße "1".bin',
    mimeType: 'video/mp4',
    size: bytes.length,
    range: { start: 0, end: bytes.length - 1 },
  })
})

test.each([
  [
    { start: 1_000_000, end: 1_000_099 },
    { start: 1_000_000, end: 1_000_099 },
  ],
  [{ start: 2_000_000 }, { start: 2_000_000, end: 2 * MiB - 1 }],
])('a download of the range %o has exactly its bytes', async (range, sent) => {
  const { client, bytes } = await start(2 * MiB)

  const download = await client.download(1, { range })
  const back = await buffer(download.body)

  expect(download).toMatchObject({ status: 206, range: sent, size: bytes.length })
  expect(back.equals(bytes.subarray(sent.start, sent.end + 1))).toBe(true)
})

test('a whole file is checked as it is read, also when its answer was broken', async () => {
  const { client, proxy, bytes } = await startWithReceipts(4 * MiB)
  proxy.inject('/download', { kind: 'cut-answer', afterBytes: 1_500_000 })

  const download = await client.download(1)
  const back = await buffer(download.body)

  expect(download.sha256).toBe(sha256(bytes))
  expect(sha256(back)).toBe(sha256(bytes))
})

test('a file that was damaged on its way ends with an error', async () => {
  const { client, gateway } = await startWithReceipts(3 * MiB)
  flipByte(gateway.posted[0]?.bytes)

  const { body } = await client.download(1)

  await expect(buffer(body)).rejects.toMatchObject({ code: 'FILE_DAMAGED' })
})

test('of a range nothing can be checked', async () => {
  const { client, gateway, bytes } = await startWithReceipts(1000)
  flipByte(gateway.posted[0]?.bytes)

  const { sha256: digest, body } = await client.download(1, { range: { start: 1 } })

  expect(digest).toBe(sha256(bytes))
  expect((await buffer(body)).length).toBe(999)
})

test('a broken download is resumed where it broke', async () => {
  const { client, proxy, bytes } = await start(4 * MiB)
  proxy.inject(
    '/download',
    { kind: 'cut-answer', afterBytes: 1_500_000 },
    { kind: 'cut' },
    { kind: 'cut-answer', afterBytes: 1_000_000 },
  )

  const back = await buffer((await client.download(1)).body)

  expect(sha256(back)).toBe(sha256(bytes))
  expect(proxy.count(GET)).toBe(4)
  const again = proxy.headers.slice(1)
  expect(again.map((each) => each['if-range'])).toEqual(again.map(() => '"1001"'))
  expect(again.every(({ range }) => /^bytes=[1-9]\d*-4194303$/.test(range ?? ''))).toBe(true)
})

test('bytes of another file are never appended to a broken download', async () => {
  const { client, proxy } = await start(2 * MiB, ['one.bin', 'two.bin'])
  proxy.inject(
    '/download',
    { kind: 'cut-answer', afterBytes: 500_000 },
    { kind: 'redirect', path: '/download?messageId=2' },
  )

  const download = await client.download(1)

  await expect(buffer(download.body)).rejects.toMatchObject({ code: 'FILE_CHANGED' })
})

test('with the ETag of another file the whole file comes in place of the range', async () => {
  const { client, bytes } = await start(1 * MiB)

  const same = await client.download(1, { range: { start: 1000 }, ifRange: '"1001"' })
  const other = await client.download(1, { range: { start: 1000 }, ifRange: '"999"' })

  expect(same).toMatchObject({ status: 206, range: { start: 1000 } })
  expect(other).toMatchObject({ status: 200, range: { start: 0, end: bytes.length - 1 } })
  await Promise.all([same.body.cancel(), other.body.cancel()])
})

test.each([
  ['a message that is not there', 7, {}, { code: 'MESSAGE_NOT_FOUND', status: 404 }],
  ['a range behind the end', 1, { range: { start: 5 * MiB } }, { status: 416 }],
])('%s is refused', async (_name, messageId, options, refusal) => {
  const { client } = await start(10)

  await expect(client.download(messageId, options)).rejects.toMatchObject(refusal)
})

test('a cancelled body ends the reading at Telegram', async () => {
  const { client, gateway } = await start(16 * MiB)
  gateway.readDelayMs = 5
  const { body } = await client.download(1)
  const reader = body.getReader()
  await reader.read()

  await reader.cancel()

  await vi.waitFor(() => expect(gateway.openReads).toBe(0))
  expect(gateway.readBytes).toBeLessThan(16 * MiB)
})

test('an abort fails the body with its reason', async () => {
  const { client, gateway } = await start(16 * MiB)
  gateway.readDelayMs = 5
  const leaving = new AbortController()
  const { body } = await client.download(1, { signal: leaving.signal })
  const reader = body.getReader()
  await reader.read()

  leaving.abort(new Error('enough'))

  const rest = async () => {
    while (!(await reader.read()).done);
  }
  await expect(rest()).rejects.toThrow('enough')
})

test('a ticket opens its file without a login, until all are revoked', async () => {
  const { client, bytes } = await start(1000)

  const ticket = await client.ticket(1, { expiresIn: 60, disposition: 'attachment' })
  const opened = await fetch(ticket.url)
  const body = Buffer.from(await opened.arrayBuffer())
  await client.revokeTickets()
  const refused = await fetch(ticket.url)

  expect(body.equals(bytes)).toBe(true)
  expect(opened.headers.get('content-disposition')).toMatch(/^attachment/)
  expect(ticket.expiresAt.getTime()).toBeGreaterThan(Date.now())
  expect(refused.status).toBe(401)
})
