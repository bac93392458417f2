import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import type { FileRow } from '../../../src/core/ports/catalogue.ts'
import { MiB } from '../../../src/lib/units.ts'
import { postJson } from '../../helpers/callers/client.ts'
import { readZip } from '../../helpers/callers/read-zip.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile, makeFolder } from '../../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const ANN = { authorization: 'Bearer token-ann' }
const TRIP = 'a'.repeat(32)
const DAY = 'b'.repeat(32)

interface Posted {
  name: string
  bytes: Buffer
  change?: Partial<FileRow>
}

/** A worker whose channel has these files, from message 1 on. `/Trip` and `/Trip/Day 1` are folders. */
async function start(files: Posted[]) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const { ledger } = worker.adapters
  await ledger.applyToLibrary(KEY, {
    folders: [
      makeFolder(900, TRIP, 'Trip'),
      makeFolder(901, DAY, 'Day 1', { parentId: TRIP }),
      makeFolder(902, 'c'.repeat(32), 'Empty', { parentId: TRIP }),
    ],
  })
  const post = async ({ name, bytes, change = {} }: Posted): Promise<number> => {
    const messageId = gateway.posted.length + 1
    gateway.posted.push({ messageId, name, mimeType: 'text/plain', bytes })
    const row = makeFile(messageId, {
      ...{ name, size: bytes.length, documentId: String(1000 + messageId), captionId: DAY },
      ...{ crc32: crc32(bytes).toString(16).padStart(8, '0'), ...change },
    })
    await ledger.applyToLibrary(KEY, { files: [row] })
    return messageId
  }
  for (const file of files) await post(file)
  const ask = async (query: string, headers: Record<string, string> = {}, method = 'GET') => {
    const answer = await fetch(`${worker.url}/archive${query}`, {
      headers: { ...ANN, ...headers },
      method,
    })
    return answer
  }
  const bytesOf = async (query: string, headers: Record<string, string> = {}) =>
    Buffer.from(await (await ask(query, headers)).arrayBuffer())
  return { ...worker, gateway, ledger, post, ask, bytesOf }
}

const TREE: Posted[] = [
  { name: 'Übersicht ☀.txt', bytes: randomBytes(1_000), change: { folderId: TRIP } },
  { name: 'film.mp4', bytes: randomBytes(3 * MiB + 5), change: { folderId: DAY } },
  { name: 'film.mp4', bytes: randomBytes(7), change: { folderId: DAY } },
  { name: 'nothing', bytes: Buffer.alloc(0), change: { folderId: DAY } },
  { name: 'elsewhere', bytes: randomBytes(9) },
]
/** Of a document that others have posted, before it was read. */
const UNKNOWN = { crc32: null, captionId: null }

test('a folder comes as one ZIP file with all that is below it', async () => {
  const { ask } = await start(TREE)

  const answer = await ask('?folder=/Trip')

  const zip = Buffer.from(await answer.arrayBuffer())
  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/zip',
    'content-length': String(zip.length),
    'content-disposition': 'attachment; filename=Trip.zip',
    'accept-ranges': 'bytes',
    etag: expect.stringMatching(/^"zip-[\w-]{32}"$/),
    'cache-control': 'private, no-cache',
  })
  expect(answer.headers.has('last-modified')).toBe(false)
  expect(readZip(zip)).toEqual(
    new Map([
      ['Empty/', Buffer.alloc(0)],
      ['Day 1/film.mp4', TREE[1]?.bytes],
      ['Day 1/film (2).mp4', TREE[2]?.bytes],
      ['Day 1/nothing', Buffer.alloc(0)],
      ['Übersicht ☀.txt', TREE[0]?.bytes],
    ]),
  )
})

test.each([
  ['?items=3,2,3', ['film.mp4', 'film (2).mp4'], 'Day 1.zip'],
  ['?items=1,2', ['Übersicht ☀.txt', 'Day 1/film.mp4'], 'Trip.zip'],
  ['?items=5,2', ['elsewhere', 'Trip/Day 1/film.mp4'], 'telestore-20'],
  ['?items=5&fileName=a.zip', ['elsewhere'], 'a.zip'],
])('%s has %j, in the order asked for', async (query, paths, fileName) => {
  const { ask } = await start(TREE)

  const answer = await ask(query)

  expect(answer.headers.get('content-disposition')).toContain(fileName)
  expect([...readZip(Buffer.from(await answer.arrayBuffer())).keys()]).toEqual(paths)
})

test('ranges, conditions and HEAD are those of one file', async () => {
  const { ask, bytesOf, gateway } = await start(TREE)
  const head = await ask('?folder=/Trip', {}, 'HEAD')
  const etag = head.headers.get('etag') ?? ''
  const size = Number(head.headers.get('content-length'))
  expect([head.status, gateway.readBytes]).toEqual([200, 0])
  const whole = await bytesOf('?folder=/Trip')
  expect(whole).toHaveLength(size)

  for (const [start, end] of [
    [0, 0],
    [29, 400],
    [1_000_000, 1_000_009],
    [size - 300, size - 1],
  ]) {
    const part = await ask('?folder=/Trip', { range: `bytes=${start}-${end}`, 'if-range': etag })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe(`bytes ${start}-${end}/${size}`)
    expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(start, Number(end) + 1))
  }
  const several = await ask('?folder=/Trip', { range: 'bytes=0-9,-10' })
  expect([several.status, several.headers.get('content-type')]).toEqual([
    206,
    expect.stringContaining('multipart/byteranges'),
  ])
  expect((await several.text()).match(/Content-Type: application\/zip/g)).toHaveLength(2)
  const others = { range: 'bytes=0-9', 'if-range': '"other"' }
  expect((await bytesOf('?folder=/Trip', others)).equals(whole)).toBe(true)
  expect((await ask('?folder=/Trip', { 'if-none-match': etag })).status).toBe(304)
  expect((await ask('?folder=/Trip', { 'if-match': '"other"' })).status).toBe(412)
  expect((await ask('?folder=/Trip', { range: `bytes=${size}-` })).status).toBe(416)
})

test('what comes into a folder meanwhile is in the next archive, not in one that is resumed', async () => {
  const { ask, bytesOf, post } = await start(TREE)
  const before = await bytesOf('?folder=/Trip')
  await post({ name: 'new', bytes: randomBytes(10), change: { folderId: TRIP } })

  const rest = await ask('?folder=/Trip', { range: 'bytes=100-' })

  expect(rest.status).toBe(206)
  expect(Buffer.from(await rest.arrayBuffer()).equals(before.subarray(100))).toBe(true)
  expect([...readZip(await bytesOf('?folder=/Trip')).keys()]).toContain('new')
})

test('a range of an archive that nobody has begun comes whole, unless it says by its ETag of what', async () => {
  const { ask } = await start(TREE)

  const blind = await ask('?items=1', { range: 'bytes=100-' })
  const whole = Buffer.from(await blind.arrayBuffer())
  const etag = blind.headers.get('etag') ?? ''
  const first = await ask('?items=5', { range: 'bytes=0-9' })
  const other = await ask('?items=1&fileName=x', { range: 'bytes=100-', 'if-range': etag })

  expect([blind.status, whole.length]).toEqual([200, Number(blind.headers.get('content-length'))])
  expect([first.status, other.status]).toEqual([206, 206])
  expect(Buffer.from(await other.arrayBuffer()).equals(whole.subarray(100))).toBe(true)
})

test('without a CRC-32 an archive comes whole, the same again with ranges, and then as others do', async () => {
  const { ask, bytesOf, ledger } = await start([
    { name: 'mine', bytes: randomBytes(10) },
    { name: 'theirs', bytes: randomBytes(2 * MiB), change: UNKNOWN },
  ])

  const first = await ask('?items=1,2', { range: 'bytes=5-' })
  const whole = Buffer.from(await first.arrayBuffer())
  const again = await ask('?items=1,2', { range: 'bytes=5-' })

  expect([first.status, first.headers.get('accept-ranges')]).toEqual([200, 'none'])
  expect(first.headers.get('content-length')).toBe(String(whole.length))
  expect([...readZip(whole).keys()]).toEqual(['mine', 'theirs'])
  expect([again.status, again.headers.get('etag')]).toEqual([206, first.headers.get('etag')])
  expect(Buffer.from(await again.arrayBuffer()).equals(whole.subarray(5))).toBe(true)
  const file = await ledger.libraryFile(KEY, 2)
  expect(file).toMatchObject({ isMeasured: true, sha256: expect.any(String) })
  expect(await ledger.receiptOf('1002', 2 * MiB)).toMatchObject({ crc32: file?.crc32 })
  const next = await bytesOf('?items=1,2')
  expect(next.length).toBe(whole.length - 16)
  expect(readZip(next)).toEqual(readZip(whole))
})

test('where a caption claims a wrong CRC-32 the archive breaks off, and the next one is right', async () => {
  const { ask, bytesOf } = await start([
    { name: 'a', bytes: Buffer.from('abc'), change: { crc32: '00000000' } },
  ])
  const first = await ask('?items=1')

  await expect(first.arrayBuffer()).rejects.toThrow()

  const second = await ask('?items=1')
  expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'))
  expect(readZip(Buffer.from(await second.arrayBuffer()))).toEqual(
    new Map([['a', Buffer.from('abc')]]),
  )
  expect(await bytesOf('?items=1', { range: 'bytes=0-3' })).toEqual(Buffer.from('PK\x03\x04'))
})

test.each<[string, (gateway: ReturnType<typeof createFakeGateway>) => void, string]>([
  ['is deleted', ({ posted }) => void posted.splice(1, 1), 'no longer in the channel'],
  [
    'is replaced',
    (gateway) => {
      const { locate } = gateway
      gateway.locate = async (...call) => {
        const found = await locate(...call)
        return found.id === '1002' ? { ...found, id: '77' } : found
      }
    },
    'another file now',
  ],
])(
  'a file that %s under way breaks the archive, and the next request names it',
  async (_, lose, words) => {
    const { ask, gateway } = await start([
      { name: 'first', bytes: randomBytes(100) },
      { name: 'second.mp4', bytes: randomBytes(100) },
    ])
    lose(gateway)

    const broken = await ask('?items=1,2')
    expect(broken.status).toBe(200)
    await expect(broken.arrayBuffer()).rejects.toThrow()

    for (const headers of [{}, { range: 'bytes=50-' }]) {
      const refused = await ask('?items=1,2', headers)
      expect([refused.status, await refused.json()]).toEqual([
        404,
        {
          error: expect.stringMatching(`^second.mp4 is ${words}`),
          ...{ code: 'MESSAGE_NOT_FOUND', messageId: 2 },
        },
      ])
    }
    expect((await ask('?items=1')).status).toBe(200)
  },
)

test('a ticket opens the archive that it was made for, and nothing else', async () => {
  const { ask, url, post } = await start(TREE)
  const made = await postJson(`${url}/tickets`, { folder: '/Trip/Day 1', fileName: 'x.zip' }, ANN)
  const { ticket, url: link } = await made.json()
  await post({ name: 'later', bytes: randomBytes(5), change: { folderId: DAY } })

  const opened = await fetch(url + link)

  expect(link).toBe(`/archive?token=${ticket}&fileName=x.zip`)
  expect(opened.headers.get('content-disposition')).toBe('attachment; filename=x.zip')
  const zip = Buffer.from(await opened.arrayBuffer())
  expect([...readZip(zip).keys()]).toEqual(['film.mp4', 'film (2).mp4', 'nothing'])
  const part = await fetch(url + link, { headers: { range: 'bytes=-100' } })
  expect(Buffer.from(await part.arrayBuffer())).toEqual(zip.subarray(-100))
  expect((await fetch(`${url}/download?messageId=2&token=${ticket}`)).status).toBe(403)
  const asked = await fetch(`${url}/archive?items=5&token=${ticket}`)
  expect(Buffer.from(await asked.arrayBuffer()).equals(zip)).toBe(true)

  await fetch(`${url}/tickets`, { method: 'DELETE', headers: ANN })
  expect((await fetch(url + link)).status).toBe(401)
  const forFile = await (await postJson(`${url}/tickets`, { messageId: 1 }, ANN)).json()
  expect((await fetch(`${url}/archive?items=1&token=${forFile.ticket}`)).status).toBe(403)
  const forItems = await (await postJson(`${url}/tickets`, { items: [5, 5, 1] }, ANN)).json()
  expect(readZip(Buffer.from(await (await fetch(url + forItems.url)).arrayBuffer())).size).toBe(2)
  expect((await ask('?items=1', { authorization: 'Bearer link-token-ann' })).status).toBe(401)
})

test.each([
  ['', 'items: either it or folder is needed'],
  ['?items=1&folder=/', 'items: either it or folder is needed, not both'],
  ['?items=', 'items: expected message ids with commas between them'],
  ['?items=1,x', 'items: expected message ids with commas between them'],
  [
    `?items=${Array.from({ length: 501 }, (_, n) => n + 1)}`,
    'items: expected 500 different ids at most',
  ],
  ['?folder=/Trip/Empty', 'folder /Trip/Empty: there are no files in it'],
  ['?folder=/a/../b', 'folder: a folder cannot be named ..'],
])('GET /archive%.40s is refused', async (query, error) => {
  const { ask } = await start(TREE)

  const answer = await ask(query)

  expect([answer.status, (await answer.json()).error]).toEqual([400, error])
})

test.each([
  ['?items=1,77', 'MESSAGE_NOT_FOUND', 'The library has no file with the messageId 77'],
  ['?folder=/Nothing', 'FOLDER_NOT_FOUND', 'There is no folder /Nothing'],
])('GET /archive%s is not found', async (query, code, error) => {
  const { ask } = await start(TREE)

  const answer = await ask(query)

  expect([answer.status, await answer.json()]).toEqual([
    404,
    expect.objectContaining({ code, error }),
  ])
})

test('tickets are for one thing each', async () => {
  const { url } = await start(TREE)
  const bodies = [{}, { messageId: 1, items: [1] }, { items: [1], folder: '/' }, { items: [] }]

  const answers = await Promise.all(bodies.map((body) => postJson(`${url}/tickets`, body, ANN)))

  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400])
})

test('a download slot is taken by an archive, and bodies are counted', async () => {
  const { url, bytesOf } = await start(TREE)
  await bytesOf('?folder=/Trip')

  const counted = await vi.waitFor(async () => {
    const text = await (await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })).text()
    expect(text).toContain('telestore_archives_total{outcome="completed"} 1')
    return text
  })

  expect(counted).toMatch(/telestore_bytes_total\{direction="served"\} 314/)
})
