import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { downloadUrl, postJson, uploadFile } from '../helpers/callers/client.ts'
import { startTeleStore, type TeleStoreOptions } from '../helpers/worker/telestore.ts'

/** What the backend knows of a user with a bot and nothing else. */
const BARE = { telegram_session: null, telegram_api_id: null, telegram_api_hash: null }

/** The whole system with Bob, a user with a bot alone, and one file of his. */
async function start(size: number, options: TeleStoreOptions = {}) {
  const store = await startTeleStore(options)
  store.addUser('bob', store.telegram.createAccount({ label: 'bob', withUser: false }), BARE)
  const bytes = randomBytes(size)
  const { messageId, fileId } = await uploadFile(store.url, 'film.mp4', bytes, { token: 'bob' })
  const bare = downloadUrl(store.url, messageId, 'bob')
  return { ...store, bytes, messageId, fileId, bare, link: `${bare}&fileId=${fileId}` }
}

async function bodyOf(answer: Response): Promise<Buffer> {
  return Buffer.from(await answer.arrayBuffer())
}

test('a bot without a user account reads its file back, whole and by ranges', async () => {
  const size = 3 * MiB + 5
  const { link, bytes, telegram } = await start(size)

  const whole = await fetch(link)
  expect(whole.status).toBe(200)
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    'content-length': String(size),
    'content-type': 'video/mp4',
    'content-disposition': expect.stringMatching(/^inline; filename="?[\w.]+\.mp4"?$/),
    etag: expect.stringMatching(/^"[\w-]+"$/),
  })
  expect(whole.headers.get('last-modified')).toBeNull()
  expect((await bodyOf(whole)).equals(bytes)).toBe(true)

  for (const [range, from, to] of [
    ['bytes=0-0', 0, 1],
    [`bytes=${MiB - 1}-${2 * MiB}`, MiB - 1, 2 * MiB + 1],
    [`bytes=${size - 3}-`, size - 3, size],
    ['bytes=-7', size - 7, size],
  ] as const) {
    const part = await fetch(link, { headers: { range } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${size}`)
    expect((await bodyOf(part)).equals(bytes.subarray(from, to))).toBe(true)
  }
  expect((await fetch(link, { headers: { range: `bytes=${size}-` } })).status).toBe(416)
  const { methods } = telegram.counters.read()
  expect(methods['bot:getFile']?.calls).toBe(1)
  expect('upload.getFile' in methods).toBe(false)
})

test('conditions on the entity tag hold, and conditions on dates are ignored', async () => {
  const { link, bytes } = await start(100)
  const etag = (await fetch(link, { method: 'HEAD' })).headers.get('etag') ?? ''
  const date = new Date().toUTCString()
  const range = 'bytes=0-9'

  expect((await fetch(link, { headers: { 'if-none-match': etag } })).status).toBe(304)
  expect((await fetch(link, { headers: { 'if-match': '"other"' } })).status).toBe(412)
  expect((await fetch(link, { headers: { 'if-modified-since': date } })).status).toBe(200)
  expect((await fetch(link, { headers: { 'if-unmodified-since': date } })).status).toBe(200)
  expect((await fetch(link, { headers: { range, 'if-range': etag } })).status).toBe(206)
  const dated = await fetch(link, { headers: { range, 'if-range': 'not a date' } })
  expect(dated.status).toBe(200)
  expect((await bodyOf(dated)).equals(bytes)).toBe(true)
})

test('a file that was uploaded here needs no fileId, and has its whole name', async () => {
  const { bare, bytes } = await start(100)

  const answer = await fetch(bare)

  expect([answer.status, answer.headers.get('content-disposition')]).toEqual([
    200,
    'inline; filename=film.mp4',
  ])
  expect((await bodyOf(answer)).equals(bytes)).toBe(true)
})

test('a download of an unknown message without a fileId is refused with what is missing, and one with a wrong fileId is not found', async () => {
  const { url, bare, link } = await start(100)

  const missing = await fetch(downloadUrl(url, 4711, 'bob'))
  expect(missing.status).toBe(400)
  expect(await missing.json()).toMatchObject({
    code: 'INVALID_REQUEST',
    field: 'fileId',
    error: expect.stringContaining('pass it'),
  })
  const wrong = await fetch(`${bare}&fileId=BQACAgQAAx`)
  expect([wrong.status, await wrong.json()]).toEqual([
    404,
    expect.objectContaining({ code: 'MESSAGE_NOT_FOUND' }),
  ])
  expect((await fetch(`${bare}&fileId=../x`)).status).toBe(400)
  expect((await fetch(link)).status).toBe(200)
})

test('a file that the Bot API does not give is refused before any byte', async () => {
  const { link, telegram } = await start(2 * MiB)
  telegram.settings.change({ botApiDownloadLimit: MiB })

  const answer = await fetch(link)

  expect([answer.status, await answer.json()]).toEqual([
    413,
    expect.objectContaining({ code: 'FILE_TOO_LARGE' }),
  ])
})

test('a ticket holds the fileId, and no other file can be read with it', async () => {
  const { url, messageId, fileId, bytes } = await start(100)
  const other = await uploadFile(url, 'b.bin', randomBytes(50), { token: 'bob' })
  const issue = async (fields: object): Promise<string> => {
    const answer = await postJson(`${url}/tickets`, { ...fields, authToken: 'bob' })
    return url + ((await answer.json()) as { url: string }).url
  }

  const link = await issue({ messageId, fileId })
  const nameless = await issue({ messageId })

  expect((await bodyOf(await fetch(link))).equals(bytes)).toBe(true)
  const swapped = await fetch(`${link}&fileId=${other.fileId}`)
  expect((await bodyOf(swapped)).equals(bytes)).toBe(true)
  const named = await fetch(`${nameless}&fileId=${other.fileId}`)
  expect((await bodyOf(named)).equals(bytes)).toBe(true)
})

test('failures of the Bot API delay a reader and change no byte', async () => {
  const { link, bytes, telegram } = await start(300 * KiB)
  const refuse = (code: number, message: string) => ({ kind: 'error', code, message }) as const
  telegram.faults.add({ method: 'bot:getFile', effect: { kind: 'drop' }, times: 1 })
  telegram.faults.add({ method: 'bot:file', effect: refuse(404, 'Not Found'), times: 1 })

  expect((await bodyOf(await fetch(link))).equals(bytes)).toBe(true)
})

const UNAVAILABLE = {
  kind: 'error',
  code: 400,
  message: 'Bad Request: wrong file_id or the file is temporarily unavailable',
} as const

test('a file that is unavailable for a moment is requested again', async () => {
  const { link, bytes, telegram } = await start(300 * KiB)
  telegram.faults.add({ method: 'bot:getFile', effect: UNAVAILABLE, times: 1 })

  expect((await bodyOf(await fetch(link))).equals(bytes)).toBe(true)
})

test('a file that stays unavailable is answered with 503 and Retry-After, not with 404', async () => {
  const { link, bytes, telegram } = await start(1000)
  const fault = telegram.faults.add({ method: 'bot:getFile', effect: UNAVAILABLE })

  const refused = await fetch(link)

  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('5')
  expect(await refused.json()).toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
  telegram.faults.remove(fault)
  expect((await bodyOf(await fetch(link))).equals(bytes)).toBe(true)
})

test('with MTProto credentials the fileId is ignored', async () => {
  const { url } = await startTeleStore()
  const bytes = randomBytes(100)
  const { messageId } = await uploadFile(url, 'a.bin', bytes, { token: 'main' })

  const answer = await fetch(`${downloadUrl(url, messageId, 'main')}&fileId=nonsense`)

  expect((await bodyOf(answer)).equals(bytes)).toBe(true)
  expect(answer.headers.get('last-modified')).not.toBeNull()
})

test('a local Bot API server serves a file of any size from its disk', async () => {
  const env = { TELEGRAM_BOT_API_LOCAL: 'true' }
  const store = await startTeleStore({ env })
  store.telegram.settings.change({ botApiLocal: true })
  store.addUser('bob', store.telegram.createAccount({ label: 'bob', withUser: false }), BARE)
  const bytes = randomBytes(25 * MiB)
  const end = await uploadFile(store.url, 'film.mp4', bytes, { token: 'bob' })
  const link = `${downloadUrl(store.url, end.messageId, 'bob')}&fileId=${end.fileId}`

  const tail = await fetch(link, { headers: { range: 'bytes=-100' } })
  const whole = await fetch(link)

  expect((await bodyOf(tail)).equals(bytes.subarray(-100))).toBe(true)
  expect((await bodyOf(whole)).equals(bytes)).toBe(true)
})
