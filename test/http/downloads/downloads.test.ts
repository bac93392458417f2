import { createHash, randomBytes } from 'node:crypto'
import { get, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import type { CredentialsProvider } from '../../../src/core/ports/credentials.ts'
import { AppError } from '../../../src/errors.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { downloadUrl, uploadFile } from '../../helpers/callers/client.ts'
import { createFakeGateway, documentFileIdOf } from '../../helpers/peers/fake-gateway.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const token = 'token-ann'

/** A worker that has a receipt of the file. */
async function startWithReceipts(bytes: Buffer) {
  const gateway = createFakeGateway()
  gateway.fileIdOf = documentFileIdOf
  return start(bytes, 'film.mp4', {}, gateway)
}

async function start(
  bytes: Buffer,
  fileName = 'film.mp4',
  env: Record<string, string> = {},
  gateway = createFakeGateway(),
) {
  const worker = await startWorker({ env, gateway, credentials: testCredentials })
  const { messageId } = await uploadFile(worker.url, fileName, bytes, { token })
  return { ...worker, gateway, messageId, link: downloadUrl(worker.url, messageId, token) }
}

test('the answer with a whole file describes it in its headers', async () => {
  const { link } = await start(randomBytes(1000), 'фильм "1".mp4')

  const answer = await fetch(link)

  expect(answer.status).toBe(200)
  expect((await answer.arrayBuffer()).byteLength).toBe(1000)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'accept-ranges': 'bytes',
    'content-length': '1000',
    'content-type': 'video/mp4',
    'content-disposition': expect.stringContaining("filename*=UTF-8''"),
    'x-accel-buffering': 'no',
    'cache-control': 'private, no-cache',
    etag: '"1001"',
    'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    'referrer-policy': 'no-referrer',
  })
})

test.each<[string, number, RequestInit]>([
  ['a whole file', 200, {}],
  ['a range', 206, { headers: { range: 'bytes=10-19' } }],
  ['two ranges', 206, { headers: { range: 'bytes=0-9,500-509' } }],
  ['a HEAD', 200, { method: 'HEAD' }],
  ['a caller that wants it', 200, { headers: { 'want-repr-digest': 'sha-512=3, sha-256=10' } }],
])('the answer to %s has the digest of the whole file', async (_, status, init) => {
  const bytes = randomBytes(1000)
  const { link } = await startWithReceipts(bytes)

  const answer = await fetch(link, init)

  const digest = createHash('sha256').update(bytes).digest('base64')
  expect([answer.status, answer.headers.get('repr-digest')]).toEqual([
    status,
    `sha-256=:${digest}:`,
  ])
})

test.each<[string, number, RequestInit]>([
  ['a caller that wants no SHA-256', 200, { headers: { 'want-repr-digest': 'sha-256=0' } }],
  ['a caller that has the file', 304, { headers: { 'if-none-match': '"1001"' } }],
  ['a range beyond the end', 416, { headers: { range: 'bytes=1000-' } }],
])('the answer to %s has no digest', async (_, status, init) => {
  const { link } = await startWithReceipts(randomBytes(1000))

  const answer = await fetch(link, init)

  expect([answer.status, answer.headers.get('repr-digest')]).toEqual([status, null])
})

test('a file that is another one now, or of another sender, has no digest', async () => {
  const { link, gateway } = await startWithReceipts(randomBytes(1000))
  const { locate } = gateway
  const changes = [{ id: '4711' }, { size: 999 }, {}]
  const digests: unknown[] = []

  for (const change of changes) {
    gateway.locate = async (...call) => ({ ...(await locate(...call)), ...change })
    digests.push((await fetch(link, { method: 'HEAD' })).headers.get('repr-digest'))
  }

  expect(digests).toEqual([null, null, expect.stringContaining('sha-256=:')])
})

test('a file has its name of the library, unless the link gives it another', async () => {
  const { link, adapters, messageId } = await start(randomBytes(10), 'film.mp4')
  const file = makeFile(messageId ?? 0, { name: 'Ferien ☀.mp4', editedAt: 1, size: 10 })
  await adapters.ledger.applyToLibrary({ owner: 'ann', channelId: '-1001' }, { files: [file] })

  const plain = await fetch(link)
  const named = await fetch(`${link}&fileName=other.mp4`)

  expect(plain.headers.get('content-disposition')).toContain("UTF-8''Ferien%20%E2%98%80.mp4")
  expect(named.headers.get('content-disposition')).toContain('filename=other.mp4')
})

test('a reader that stands still gets the right bytes, however often their memory was used since', async () => {
  const bytes = randomBytes(24 * MiB)
  const { link, gateway } = await start(bytes, 'film.mp4', { BLOCK_CACHE_BYTES: '0' })
  const answer = await new Promise<IncomingMessage>((resolve) => get(link, resolve))
  // Until the sockets are full, and a while longer.
  await vi.waitFor(async () => {
    const before = gateway.readBytes
    await sleep(300)
    expect([before > 0, gateway.readBytes]).toEqual([true, before])
  })

  expect(gateway.readBytes).toBeLessThan(bytes.length)
  expect((await buffer(answer)).equals(bytes)).toBe(true)
})

test.each([
  ['page.html', 'attachment', 'sandbox'],
  ['drawing.svg', 'attachment', 'sandbox'],
  ['data.xml', 'attachment', 'sandbox'],
  ['film.mp4', 'inline', 'sandbox'],
  ['paper.pdf', 'inline', "default-src 'self'; object-src 'self'"],
])('%s cannot run as a page of the worker', async (fileName, disposition, policy) => {
  const { link } = await start(randomBytes(10), fileName)

  const { headers } = await fetch(link)

  expect(headers.get('content-disposition')).toContain(disposition)
  expect(headers.get('content-security-policy')).toBe(policy)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
})

test.each([
  ['bytes=0-0', 0, 1],
  ['bytes=0-1', 0, 2],
  ['bytes=1048575-1048576', MiB - 1, MiB + 1],
  ['bytes=3000000-', 3_000_000, 3 * MiB + 5],
  ['bytes=-1', 3 * MiB + 4, 3 * MiB + 5],
  ['bytes=-99999999', 0, 3 * MiB + 5],
  ['bytes=5-99999999', 5, 3 * MiB + 5],
])('%s returns exactly those bytes', async (range, from, to) => {
  const bytes = randomBytes(3 * MiB + 5)
  const { link } = await start(bytes)

  const answer = await fetch(link, { headers: { range } })

  expect(answer.status).toBe(206)
  expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${bytes.length}`)
  expect(answer.headers.get('content-length')).toBe(String(to - from))
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(from, to))).toBe(true)
})

test('a range asks Telegram for hardly more than itself', async () => {
  const { link, gateway } = await start(randomBytes(3 * MiB))

  await (await fetch(link, { headers: { range: 'bytes=1500000-1500009' } })).arrayBuffer()

  expect(gateway.blocks).toEqual([{ offset: 11 * 128 * KiB, length: 128 * KiB }])
})

test('a range that was read before is not fetched again', async () => {
  const { link, gateway } = await start(randomBytes(3 * MiB))
  await (await fetch(link)).arrayBuffer()
  const asked = gateway.blocks.length

  await (await fetch(link, { headers: { range: 'bytes=1000-2000000' } })).arrayBuffer()

  expect(gateway.blocks).toHaveLength(asked)
})

test('twenty overlapping ranges at once fetch each unit once', async () => {
  const bytes = randomBytes(8 * MiB)
  const { link, gateway } = await start(bytes)
  gateway.readDelayMs = 5

  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const from = i * 200_000
      const headers = { range: `bytes=${from}-${from + 2_000_000}` }
      const body = Buffer.from(await (await fetch(link, { headers })).arrayBuffer())
      return body.equals(bytes.subarray(from, from + 2_000_001))
    }),
  )

  expect(answers).toEqual(answers.map(() => true))
  const units = gateway.blocks.flatMap(({ offset, length }) =>
    Array.from({ length: length / (128 * KiB) }, (_, i) => offset / (128 * KiB) + i),
  )
  expect(units).toHaveLength(new Set(units).size)
})

test('a range beyond the end is refused with the size', async () => {
  const { link } = await start(randomBytes(10))

  const answer = await fetch(link, { headers: { range: 'bytes=10-' } })

  expect(answer.status).toBe(416)
  expect(answer.headers.get('content-range')).toBe('bytes */10')
  expect(await answer.json()).toMatchObject({ code: 'RANGE_NOT_SATISFIABLE' })
})

test.each(['bytes=x-y', 'lines=0-1', 'bytes=5-1', 'bytes=-'])('%s is ignored', async (range) => {
  const { link } = await start(randomBytes(10))

  expect((await fetch(link, { headers: { range } })).status).toBe(200)
})

test('several ranges come as multipart/byteranges', async () => {
  const { link } = await start(Buffer.from('0123456789abcdefghij'))

  const answer = await fetch(link, { headers: { range: 'bytes=0-2,10-11,-1' } })

  const type = answer.headers.get('content-type') ?? ''
  const [, boundary] = /^multipart\/byteranges; boundary=(\S+)$/.exec(type) ?? []
  const part = (range: string, text: string) =>
    `--${boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes ${range}/20\r\n\r\n${text}\r\n`
  const body = await answer.text()
  expect(answer.status).toBe(206)
  expect(body).toBe(
    `${part('0-2', '012')}${part('10-11', 'ab')}${part('19-19', 'j')}--${boundary}--\r\n`,
  )
  expect(answer.headers.get('content-length')).toBe(String(body.length))
})

test('HEAD has the headers of GET, and asks Telegram for no bytes', async () => {
  const { link, gateway } = await start(randomBytes(1000))

  const head = await fetch(link, { method: 'HEAD', headers: { range: 'bytes=0-9' } })

  expect(head.status).toBe(200)
  expect(head.headers.get('content-length')).toBe('1000')
  expect(head.headers.get('etag')).toBe('"1001"')
  expect(gateway.blocks).toEqual([])
})

test.each([
  [{ 'if-none-match': '"1001"' }, 304],
  [{ 'if-none-match': 'W/"1001", "x"' }, 304],
  [{ 'if-none-match': ', ,"x",, "1001" ,' }, 304],
  [{ 'if-none-match': ',' }, 200],
  [{ 'if-none-match': '"x"', 'if-modified-since': 'Fri, 01 Jan 2027 00:00:00 GMT' }, 200],
  [{ 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 304],
  [{ 'if-modified-since': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 200],
  [{ 'if-modified-since': 'Thursday, 01-Jan-26 00:00:00 GMT' }, 304],
  [{ 'if-modified-since': 'Thu Jan  1 00:00:00 2026' }, 304],
  [{ 'if-modified-since': '2030' }, 200],
  [{ 'if-unmodified-since': '1' }, 200],
  [{ 'if-match': '"x"' }, 412],
  [{ 'if-match': 'W/"1001"' }, 412],
  [{ 'if-match': '*' }, 200],
  [{ 'if-match': ',, "1001",' }, 200],
  [{ 'if-unmodified-since': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 412],
  [{ range: 'bytes=0-1', 'if-range': '"1001"' }, 206],
  [{ range: 'bytes=0-1', 'if-range': 'W/"1001"' }, 200],
  [{ range: 'bytes=0-1', 'if-range': '"other"' }, 200],
  [{ range: 'bytes=0-1', 'if-range': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 206],
  [{ range: 'bytes=0-1', 'if-range': 'Fri, 02 Jan 2026 00:00:00 GMT' }, 200],
])('conditions %j are answered with %i', async (headers, status) => {
  const { link } = await start(randomBytes(10))

  const answer = await fetch(link, { headers: { ...headers } as Record<string, string> })

  expect(answer.status).toBe(status)
  expect(answer.headers.get('etag')).toBe('"1001"')
})

test('reading stops when the client leaves mid-file', async () => {
  const { link, gateway } = await start(randomBytes(32 * MiB))
  const client = new AbortController()
  gateway.readDelayMs = 20

  const response = await fetch(link, { signal: client.signal })
  await response.body?.getReader().read()
  client.abort()

  await vi.waitFor(() => expect(gateway.openReads).toBe(0))
  const { readBytes } = gateway
  expect(readBytes).toBeLessThan(32 * MiB)
})

test('reading from Telegram pauses while the client does not read', async () => {
  const { link, gateway } = await start(randomBytes(48 * MiB))
  const response = await new Promise<import('node:http').IncomingMessage>((resolve) =>
    get(link, resolve),
  )

  response.pause()
  await vi.waitFor(() => expect(gateway.openReads).toBe(0))
  const standing = gateway.readBytes

  expect(standing).toBeLessThan(24 * MiB)
  response.destroy()
})

test('a failure before the first byte is answered as an error', async () => {
  const { link, gateway } = await start(randomBytes(10))
  gateway.beforeRead = async () => {
    throw new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', { retryAfter: 7 })
  }

  const answer = await fetch(link)

  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('7')
  expect(answer.headers.get('content-disposition')).toBeNull()
})

test('a failure in the middle cuts the connection', async () => {
  const { link, gateway } = await start(randomBytes(5 * MiB))
  gateway.beforeRead = async ({ offset }) => {
    if (offset >= 2 * MiB) throw new AppError('TELEGRAM_UNAVAILABLE', 'gone')
  }

  const answer = await fetch(link)

  expect(answer.status).toBe(200)
  await expect(answer.arrayBuffer()).rejects.toThrow()
})

test.each([
  ['no token', '?messageId=1', 401],
  ['a wrong token', '?messageId=1&token=wrong', 401],
  ['no message', '?token=token-ann', 400],
  ['a message that is no number', '?messageId=abc&token=token-ann', 400],
  ['an unknown message', '?messageId=77&token=token-ann', 404],
])('%s is refused', async (_name, query, status) => {
  const { url } = await start(randomBytes(10))

  const answer = await fetch(`${url}/download${query}`)

  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ error: expect.any(String), code: expect.any(String) })
})

test('a download token reads the first file it is used for, and no other', async () => {
  const { url, messageId } = await start(randomBytes(10))
  const other = await uploadFile(url, 'other', randomBytes(10), { token })

  const statuses = []
  for (const id of [9999, messageId, other.messageId, messageId]) {
    statuses.push((await fetch(downloadUrl(url, id, 'link-token-ann'))).status)
  }

  expect(statuses).toEqual([404, 200, 403, 200])
})

test('a download takes no slot while its token is checked', async () => {
  const { promise: checked, resolve: refuse } = Promise.withResolvers<void>()
  const asked = vi.fn()
  const credentials: CredentialsProvider = {
    ...testCredentials,
    forDownload: async (given) => {
      if (given === token) return testCredentials.forDownload(given)
      asked()
      await checked
      throw new AppError('TOKEN_REFUSED', 'The token is not valid')
    },
  }
  const env = { MAX_CONCURRENT_DOWNLOADS: '1' }
  const { url } = await startWorker({ env, gateway: createFakeGateway(), credentials })
  const { messageId } = await uploadFile(url, 'x', randomBytes(10), { token })
  const guess = fetch(downloadUrl(url, messageId, 'a-guess'))
  await vi.waitFor(() => expect(asked).toHaveBeenCalled())

  const answer = await fetch(downloadUrl(url, messageId, token))
  refuse()

  expect(answer.status).toBe(200)
  await answer.arrayBuffer()
  expect((await guess).status).toBe(401)
})

test('a download that finds no slot and a full queue is told when to try again', async () => {
  const { link, gateway } = await start(randomBytes(10), 'x', { MAX_CONCURRENT_DOWNLOADS: '1' })
  let release = (): void => {}
  gateway.beforeRead = () => new Promise<void>((resolve) => (release = resolve))
  const first = fetch(link)
  await vi.waitFor(() => expect(gateway.openReads).toBe(1))
  const leaving = new AbortController()

  // One more than a user may have waiting.
  const others = Array.from({ length: 33 }, () => fetch(link, { signal: leaving.signal }))
  const refused = await Promise.any(others)
  leaving.abort()
  await Promise.allSettled(others)
  release()

  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
  expect((await first).status).toBe(200)
  await (await first).arrayBuffer()
  gateway.beforeRead = async () => {}
  await vi.waitFor(async () => expect((await fetch(link)).status).toBe(200))
})
